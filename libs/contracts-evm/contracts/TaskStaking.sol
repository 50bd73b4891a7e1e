// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Stakes of gmFLOCK on tasks, by task, role and wallet.
/// @notice Tasks are named by the 16 bytes of their UUID. A stake may grow while its task is open and leaves, whole, once the
///         task is finished: by the operator, or by anyone 30 days after the latest end it was opened with.
contract TaskStaking is AccessControl {
    using SafeERC20 for IERC20;

    /// @notice Opens and finishes tasks.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice How long after a task's latest end anyone may release its stakes.
    uint256 public constant RELEASE_SECONDS = 30 days;
    /// @notice Furthest latest end a task may be opened with, counted from the opening.
    uint256 public constant MAX_TASK_SECONDS = 3650 days;

    /// @notice Stakes (task and role) that one wallet may hold at a time; finished ones count until they are withdrawn.
    uint256 public constant MAX_STAKES = 256;

    /// @notice What a wallet stakes for. In one task a wallet is Node or Validator, never both.
    enum Role {
        Node,
        Validator,
        Participant
    }

    /// @notice Where a task stands on chain.
    enum Status {
        Unknown,
        Open,
        Finished
    }

    /// @notice A task: where it stands and its latest end in seconds since 1970.
    struct Task {
        Status status;
        uint64 latestEnd;
    }

    /// @notice The token that is staked.
    IERC20 public immutable gmFlock;
    /// @notice Everything staked on all tasks and roles.
    uint256 public grandTotal;

    /// @notice How many stakes (task and role) a wallet holds.
    mapping(address wallet => uint256) public stakeCount;

    mapping(bytes16 task => Task) private _tasks;
    mapping(bytes16 task => mapping(Role role => uint256)) private _totals;
    mapping(bytes16 task => mapping(Role role => mapping(address wallet => uint256))) private _stakes;

    /// @notice A task takes stakes from now on.
    event TaskOpened(bytes16 indexed task, uint64 latestEnd);
    /// @notice A task is over and its stakes may leave; `released` if nobody but time ended it.
    event TaskFinished(bytes16 indexed task, bool released);
    /// @notice `wallet` added `amount`; its stake in this task and role is now `balance`.
    event Staked(bytes16 indexed task, Role indexed role, address indexed wallet, uint256 amount, uint256 balance);
    /// @notice `wallet` took its whole stake, `amount`, back.
    event Withdrawn(bytes16 indexed task, Role indexed role, address indexed wallet, uint256 amount);

    /// @notice The task was opened before.
    error TaskAlreadyOpened(bytes16 task);
    /// @notice The task does not take stakes: unknown or finished.
    error TaskNotOpen(bytes16 task);
    /// @notice The task is not finished, so nothing may leave.
    error TaskNotFinished(bytes16 task);
    /// @notice The latest end lies in the past or too far away.
    error InvalidLatestEnd(uint64 latestEnd);
    /// @notice Too early to release the stakes of a task that the operator has not finished.
    error ReleaseTooEarly(bytes16 task, uint256 from);
    /// @notice In this task the wallet already stakes in the other role.
    error OtherRoleTaken(bytes16 task, address wallet, Role taken);
    /// @notice The wallet holds as many stakes as it may: finished ones must be withdrawn first.
    error TooManyStakes(address wallet);
    /// @notice A stake of nothing.
    error ZeroStake();
    /// @notice Nothing is staked there.
    error NothingStaked(bytes16 task, Role role, address wallet);

    constructor(IERC20 gmFlock_, address admin) {
        gmFlock = gmFlock_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice The task as it stands.
    function taskOf(bytes16 task) external view returns (Task memory) {
        return _tasks[task];
    }

    /// @notice What `wallet` has staked in `role` on `task`.
    function stakeOf(bytes16 task, Role role, address wallet) external view returns (uint256) {
        return _stakes[task][role][wallet];
    }

    /// @notice What all wallets have staked in `role` on `task`.
    function totalOf(bytes16 task, Role role) external view returns (uint256) {
        return _totals[task][role];
    }

    /// @notice Lets wallets stake on `task`, which will have ended by `latestEnd` (seconds since 1970).
    function openTask(bytes16 task, uint64 latestEnd) external onlyRole(OPERATOR_ROLE) {
        if (_tasks[task].status != Status.Unknown) revert TaskAlreadyOpened(task);
        if (latestEnd < block.timestamp || latestEnd > block.timestamp + MAX_TASK_SECONDS) {
            revert InvalidLatestEnd(latestEnd);
        }
        _tasks[task] = Task(Status.Open, latestEnd);
        emit TaskOpened(task, latestEnd);
    }

    /// @notice Ends `task`, so that its stakes may leave.
    function finishTask(bytes16 task) external onlyRole(OPERATOR_ROLE) {
        _finish(task, false);
    }

    /// @notice Ends a task that the operator has left open for 30 days past its latest end. Anyone may.
    function releaseTask(bytes16 task) external {
        uint256 from = uint256(_tasks[task].latestEnd) + RELEASE_SECONDS;
        if (_tasks[task].status == Status.Open && block.timestamp < from) revert ReleaseTooEarly(task, from);
        _finish(task, true);
    }

    /// @notice Stakes `amount` of the caller's gmFLOCK, which it has approved, in `role` on `task`.
    function stake(bytes16 task, Role role, uint256 amount) external {
        if (_tasks[task].status != Status.Open) revert TaskNotOpen(task);
        if (amount == 0) revert ZeroStake();
        _requireRoleFree(task, role, msg.sender);
        uint256 held = _stakes[task][role][msg.sender];
        if (held == 0 && ++stakeCount[msg.sender] > MAX_STAKES) revert TooManyStakes(msg.sender);
        uint256 balance = held + amount;
        _stakes[task][role][msg.sender] = balance;
        _totals[task][role] += amount;
        grandTotal += amount;
        emit Staked(task, role, msg.sender, amount, balance);
        gmFlock.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Gives the caller's whole stake in `role` on a finished `task` back.
    function withdraw(bytes16 task, Role role) external returns (uint256 amount) {
        if (_tasks[task].status != Status.Finished) revert TaskNotFinished(task);
        amount = _stakes[task][role][msg.sender];
        if (amount == 0) revert NothingStaked(task, role, msg.sender);
        _stakes[task][role][msg.sender] = 0;
        --stakeCount[msg.sender];
        _totals[task][role] -= amount;
        grandTotal -= amount;
        emit Withdrawn(task, role, msg.sender, amount);
        gmFlock.safeTransfer(msg.sender, amount);
    }

    function _finish(bytes16 task, bool released) private {
        if (_tasks[task].status != Status.Open) revert TaskNotOpen(task);
        _tasks[task].status = Status.Finished;
        emit TaskFinished(task, released);
    }

    function _requireRoleFree(bytes16 task, Role role, address wallet) private view {
        if (role == Role.Participant) return;
        Role other = role == Role.Node ? Role.Validator : Role.Node;
        if (_stakes[task][other][wallet] != 0) revert OtherRoleTaken(task, wallet, other);
    }
}
