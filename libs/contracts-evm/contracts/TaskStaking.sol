// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IFinalRewards} from "./lib/Seams.sol";
import {PausableIntake} from "./lib/PausableIntake.sol";
import {StakeCases} from "./lib/StakeCases.sol";

/// @title Stakes of gmFLOCK on tasks, by task, role and wallet.
/// @notice Tasks are named by the 16 bytes of their UUID. A stake may grow while its task is open and leaves, whole, once the
///         task is finished, its unbonding is over and no case against it is open. A task is finished by the operator, or by
///         anyone 30 days after the latest end it was opened with.
contract TaskStaking is StakeCases, PausableIntake {
    using SafeERC20 for IERC20;

    /// @notice Opens and finishes tasks.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice How long after a task's latest end anyone may release its stakes.
    uint256 public constant RELEASE_SECONDS = 30 days;
    /// @notice Furthest latest end a task may be opened with, counted from the opening.
    uint256 public constant MAX_TASK_SECONDS = 3650 days;
    /// @notice Longest unbonding.
    uint64 public constant MAX_UNBONDING_SECONDS = 30 days;

    /// @notice From the end of final validation until stakes may leave; they stay slashable all that time.
    uint64 public immutable unbondingSeconds;
    /// @notice Where final rewards are fixed before a task may finish; zero where they are not on chain.
    IFinalRewards public immutable rewards;

    /// @notice A task takes stakes from now on.
    event TaskOpened(bytes16 indexed task, uint64 latestEnd);
    /// @notice Final validation ended: no new stakes, and unbonding runs.
    event FinalValidationEnded(bytes16 indexed task, uint64 endedAt);
    /// @notice A task ended before its final validation did: there is no final reward.
    event TaskCancelled(bytes16 indexed task);
    /// @notice A task is over and its stakes may leave from `unlocksAt` of `taskOf` on; `released` if nobody but time ended it.
    event TaskFinished(bytes16 indexed task, bool released);
    /// @notice `wallet` added `amount`; its stake in this task and role is now `balance`.
    event Staked(bytes16 indexed task, Role indexed role, address indexed wallet, uint256 amount, uint256 balance);
    /// @notice `wallet` took its whole stake, `amount`, back.
    event Withdrawn(bytes16 indexed task, Role indexed role, address indexed wallet, uint256 amount);

    /// @notice The task was opened before.
    error TaskAlreadyOpened(bytes16 task);
    /// @notice The task does not take stakes: unknown, past its final validation, or finished.
    error TaskNotOpen(bytes16 task);
    /// @notice The task is not finished, so nothing may leave.
    error TaskNotFinished(bytes16 task);
    /// @notice The latest end lies in the past or too far away.
    error InvalidLatestEnd(uint64 latestEnd);
    /// @notice Too early to release the stakes of a task that the operator has not finished.
    error ReleaseTooEarly(bytes16 task, uint256 from);
    /// @notice In this task the wallet already stakes in the other role.
    error OtherRoleTaken(bytes16 task, address wallet, Role taken);
    /// @notice A stake of nothing.
    error ZeroStake();
    /// @notice The stake is unbonding: it stays slashable until `until`.
    error Unbonding(bytes16 task, uint256 until);
    /// @notice A task may not finish before its final reward is fixed.
    error FinalRewardPending(bytes16 task);
    /// @notice An unbonding or an appeal that is longer than it may be.
    error InvalidTiming(uint64 unbondingSeconds, uint64 appealSeconds);

    constructor(IERC20 gmFlock_, address admin, Config memory config) StakeCases(gmFlock_, config) {
        // A case must be executable before it runs out of time.
        if (config.unbondingSeconds > MAX_UNBONDING_SECONDS || config.appealSeconds >= CASE_SECONDS) {
            revert InvalidTiming(config.unbondingSeconds, config.appealSeconds);
        }
        unbondingSeconds = config.unbondingSeconds;
        rewards = IFinalRewards(config.rewards);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Lets wallets stake on `task`, which will have ended by `latestEnd` (seconds since 1970).
    function openTask(bytes16 task, uint64 latestEnd) external onlyRole(OPERATOR_ROLE) {
        if (_tasks[task].status != Status.Unknown) revert TaskAlreadyOpened(task);
        if (latestEnd < block.timestamp || latestEnd > block.timestamp + MAX_TASK_SECONDS) {
            revert InvalidLatestEnd(latestEnd);
        }
        _tasks[task] = Task(Status.Open, latestEnd, 0, 0);
        emit TaskOpened(task, latestEnd);
    }

    /// @notice Ends the final validation of `task`: unbonding runs from here, over the challenge.
    function endFinalValidation(bytes16 task) external onlyRole(OPERATOR_ROLE) {
        _requireStakeable(task);
        _tasks[task].endedAt = uint64(block.timestamp);
        emit FinalValidationEnded(task, uint64(block.timestamp));
    }

    /// @notice Ends `task`, whose final reward is fixed, so that its stakes may leave after their unbonding.
    function finishTask(bytes16 task) external onlyRole(OPERATOR_ROLE) {
        if (address(rewards) != address(0) && !rewards.isFixed(task)) revert FinalRewardPending(task);
        _finish(task, unbondingSeconds, false);
    }

    /// @notice Ends `task` without a final reward, before its final validation has ended.
    function cancelTask(bytes16 task) external onlyRole(OPERATOR_ROLE) {
        _requireStakeable(task);
        emit TaskCancelled(task);
        _finish(task, unbondingSeconds, false);
    }

    /// @notice Ends a task that the operator has left open for 30 days past its latest end. Anyone may; its stakes may leave.
    function releaseTask(bytes16 task) external {
        uint256 from = uint256(_tasks[task].latestEnd) + RELEASE_SECONDS;
        if (_tasks[task].status == Status.Open && block.timestamp < from) revert ReleaseTooEarly(task, from);
        _finish(task, 0, true);
    }

    /// @notice Stakes `amount` of the caller's gmFLOCK, which it has approved, in `role` on `task`.
    function stake(bytes16 task, Role role, uint256 amount) external whenIntakeOpen {
        _requireStakeable(task);
        if (amount == 0) revert ZeroStake();
        _requireRoleFree(task, role, msg.sender);
        uint256 balance = _add(task, role, msg.sender, amount);
        emit Staked(task, role, msg.sender, amount, balance);
        gmFlock.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Gives the caller's whole stake in `role` on a finished `task` back.
    function withdraw(bytes16 task, Role role) external returns (uint256 amount) {
        if (_tasks[task].status != Status.Finished) revert TaskNotFinished(task);
        if (!_isUnbonded(task)) revert Unbonding(task, _tasks[task].unlocksAt);
        amount = stakeOf(task, role, msg.sender);
        if (amount == 0) revert NothingStaked(task, role, msg.sender);
        _requireNotFrozen(task, role, msg.sender);
        _remove(task, role, msg.sender, amount);
        emit Withdrawn(task, role, msg.sender, amount);
        gmFlock.safeTransfer(msg.sender, amount);
    }

    function _finish(bytes16 task, uint64 unbonding, bool released) private {
        Task storage found = _tasks[task];
        if (found.status != Status.Open) revert TaskNotOpen(task);
        if (found.endedAt == 0) found.endedAt = uint64(block.timestamp);
        found.status = Status.Finished;
        found.unlocksAt = found.endedAt + unbonding;
        emit TaskFinished(task, released);
    }

    function _requireStakeable(bytes16 task) private view {
        Task storage found = _tasks[task];
        if (found.status != Status.Open || found.endedAt != 0) revert TaskNotOpen(task);
    }

    function _requireRoleFree(bytes16 task, Role role, address wallet) private view {
        if (role == Role.Participant) return;
        Role other = role == Role.Node ? Role.Validator : Role.Node;
        if (stakeOf(task, other, wallet) != 0) revert OtherRoleTaken(task, wallet, other);
    }
}
