// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ParameterRegistry} from "../ParameterRegistry.sol";
import {IPools, ISink} from "./Seams.sol";
import {StakeBook} from "./StakeBook.sol";

/// @title Cases against stakes: a notice freezes, then a slash or a dismissal ends it, or time does after 30 days.
/// @notice A case takes at most its cap, once. The owner bears it by its share of the counted weight at the notice, the owner's
///         delegation pool the rest; 10 % go to the reporter, what remains to the task's pool.
abstract contract StakeCases is StakeBook, AccessControl {
    using SafeERC20 for IERC20;

    /// @notice Opens, dismisses and executes cases.
    bytes32 public constant CASE_ROLE = keccak256("CASE_ROLE");
    /// @notice A case that nobody has ended by then has ended.
    uint256 public constant CASE_SECONDS = 30 days;
    /// @notice Cases that may be open against one wallet at a time.
    uint256 public constant MAX_OPEN_CASES = 16;

    /// @notice How a case stands. One that has run out of time counts as dismissed.
    enum CaseStatus {
        Unknown,
        Open,
        Slashed,
        Dismissed
    }

    /// @notice A case. `own` of the weight `counted` at the notice was the wallet's own; `pool` held the rest. `reporter` may be
    ///         zero: then the task's pool gets all of it.
    struct Case {
        bytes16 task;
        StakeBook.Role role;
        CaseStatus status;
        uint40 openedAt;
        address wallet;
        address pool;
        address reporter;
        uint128 cap;
        uint128 own;
        uint256 counted;
    }

    /// @notice Where the contract's neighbours are and how long owners wait; zero addresses where a deployment has none.
    /// @param pools the delegation pools' manager.
    /// @param rewards where final rewards are fixed before a task may finish.
    /// @param slashed takes the gmFLOCK that slashes bring to the tasks' pools.
    /// @param registry shares and the delegation cap.
    /// @param unbondingSeconds from the end of final validation until stakes may leave (10 days).
    /// @param appealSeconds from the notice until a slash (7 days).
    struct Config {
        IPools pools;
        address rewards;
        ISink slashed;
        ParameterRegistry registry;
        uint64 unbondingSeconds;
        uint64 appealSeconds;
    }

    /// @notice The token that is staked.
    IERC20 public immutable gmFlock;
    /// @notice The delegation pools' manager; zero where there are no pools.
    IPools public immutable pools;
    /// @notice Takes what slashes bring to the tasks' pools.
    ISink public immutable slashed;
    /// @notice Shares and the delegation cap.
    ParameterRegistry public immutable registry;
    /// @notice From a case's notice until its slash.
    uint256 public immutable appealSeconds;

    mapping(bytes32 caseId => Case) private _cases;
    mapping(address wallet => bytes32[]) private _openCases;

    /// @notice The notice of a case to the wallet and to the delegators of `pool`: it may take up to `cap`.
    event CaseOpened(
        bytes32 indexed caseId,
        bytes16 indexed task,
        address indexed wallet,
        Role role,
        address pool,
        address reporter,
        uint256 cap,
        uint256 own,
        uint256 counted,
        bytes32 evidence
    );
    /// @notice A case ended without a slash.
    event CaseDismissed(bytes32 indexed caseId, address indexed wallet);
    /// @notice A case took `fromOwner` and `fromPool`: `toReporter` of it went to the reporter, the rest to the task's pool. The
    ///         wallet's stake is now `balance`.
    event Slashed(
        bytes32 indexed caseId,
        bytes16 indexed task,
        address indexed wallet,
        Role role,
        uint256 fromOwner,
        uint256 fromPool,
        uint256 toReporter,
        uint256 balance
    );

    /// @notice The case id was used.
    error CaseExists(bytes32 caseId);
    /// @notice The case is not open: unknown, ended, or out of time.
    error CaseNotOpen(bytes32 caseId);
    /// @notice A case must be able to take something, and not more than the counted weight.
    error InvalidCap(uint256 cap, uint256 counted);
    /// @notice The slash takes nothing, or more than the case's cap.
    error AboveCap(bytes32 caseId, uint256 amount, uint256 cap);
    /// @notice The time to appeal is not over.
    error AppealOpen(bytes32 caseId, uint256 until);
    /// @notice Nobody is paid for reporting itself.
    error ReporterIsAccused(address wallet);
    /// @notice The wallet has as many open cases as it may.
    error TooManyCases(address wallet);
    /// @notice Nothing is staked there.
    error NothingStaked(bytes16 task, Role role, address wallet);
    /// @notice The stake's unbonding is over: it may leave and cannot be slashed any more.
    error StakeUnbonded(bytes16 task, Role role, address wallet);
    /// @notice A case against the stake is open.
    error StakeFrozen(bytes16 task, Role role, address wallet);

    constructor(IERC20 gmFlock_, Config memory config) {
        gmFlock = gmFlock_;
        pools = config.pools;
        slashed = config.slashed;
        registry = config.registry;
        appealSeconds = config.appealSeconds;
    }

    /// @notice The case `caseId`.
    function caseOf(bytes32 caseId) external view returns (Case memory found) {
        found = _cases[caseId];
        if (found.status == CaseStatus.Open && !_isOpen(found.openedAt)) found.status = CaseStatus.Dismissed;
    }

    /// @notice Whether any case against `wallet` is open: its pool's exits wait.
    function hasOpenCase(address wallet) external view returns (bool) {
        bytes32[] storage open = _openCases[wallet];
        for (uint256 index; index < open.length; ++index) {
            if (_isOpen(_cases[open[index]].openedAt)) return true;
        }
        return false;
    }

    /// @notice The wallet's weight in a task: own stake, and of its pool's principal the part that falls to this task by own
    ///         stake, up to the cap. In federated tasks (Participant) the own stake alone.
    function countedOf(bytes16 task, Role role, address wallet) public view returns (uint256) {
        uint256 own = stakeOf(task, role, wallet);
        if (own == 0 || role == Role.Participant || address(pools) == address(0)) return own;
        uint256 delegated = Math.mulDiv(pools.countedPrincipal(wallet), own, ownTotal[wallet]);
        return own + Math.min(delegated, own * registry.values().delegationCap);
    }

    /// @notice Gives notice of a case and freezes the stake and the pool's exits.
    function openCase(
        bytes32 caseId,
        bytes16 task,
        Role role,
        address wallet,
        address reporter,
        uint128 cap,
        bytes32 evidence
    ) external onlyRole(CASE_ROLE) {
        if (_cases[caseId].status != CaseStatus.Unknown) revert CaseExists(caseId);
        if (reporter == wallet) revert ReporterIsAccused(wallet);
        uint256 own = stakeOf(task, role, wallet);
        if (own == 0) revert NothingStaked(task, role, wallet);
        if (_isUnbonded(task)) revert StakeUnbonded(task, role, wallet);
        uint256 counted = countedOf(task, role, wallet);
        if (cap == 0 || cap > counted) revert InvalidCap(cap, counted);
        address pool = counted == own ? address(0) : pools.poolOf(wallet);
        _cases[caseId] = Case({
            task: task,
            role: role,
            status: CaseStatus.Open,
            openedAt: uint40(block.timestamp),
            wallet: wallet,
            pool: pool,
            reporter: reporter,
            cap: cap,
            own: uint128(own),
            counted: counted
        });
        _list(wallet, caseId);
        emit CaseOpened(caseId, task, wallet, role, pool, reporter, cap, own, counted, evidence);
    }

    /// @notice Ends a case without a slash.
    function dismissCase(bytes32 caseId) external onlyRole(CASE_ROLE) {
        Case storage found = _requireOpen(caseId);
        found.status = CaseStatus.Dismissed;
        _unlist(found.wallet, caseId);
        emit CaseDismissed(caseId, found.wallet);
    }

    /// @notice Executes a case once its appeal is over: takes `amount`, or what is left after other cases.
    function slash(bytes32 caseId, uint256 amount) external onlyRole(CASE_ROLE) {
        Case storage found = _requireOpen(caseId);
        uint256 until = found.openedAt + appealSeconds;
        if (block.timestamp < until) revert AppealOpen(caseId, until);
        if (amount == 0 || amount > found.cap) revert AboveCap(caseId, amount, found.cap);
        found.status = CaseStatus.Slashed;
        _unlist(found.wallet, caseId);
        _take(caseId, found, amount);
    }

    /// @dev Rounds the owner's part up: what cannot be divided is the owner's to bear, not the delegators'.
    function _take(bytes32 caseId, Case storage found, uint256 amount) private {
        (bytes16 task, Role role, address wallet) = (found.task, found.role, found.wallet);
        uint256 held = stakeOf(task, role, wallet);
        uint256 ownPart = Math.mulDiv(amount, found.own, found.counted, Math.Rounding.Ceil);
        uint256 fromOwner = Math.min(ownPart, held);
        uint256 balance = fromOwner == 0 ? held : _remove(task, role, wallet, fromOwner);
        uint256 fromPool = amount == ownPart ? 0 : pools.slash(found.pool, caseId, amount - ownPart);
        uint256 taken = fromOwner + fromPool;
        uint256 toReporter = found.reporter == address(0) ? 0 : (taken * registry.values().reporterBps) / 10_000;
        emit Slashed(caseId, task, wallet, role, fromOwner, fromPool, toReporter, balance);
        if (toReporter > 0) gmFlock.safeTransfer(found.reporter, toReporter);
        if (taken > toReporter) {
            gmFlock.forceApprove(address(slashed), taken - toReporter);
            slashed.fund(taken - toReporter);
        }
    }

    function _requireNotFrozen(bytes16 task, Role role, address wallet) internal view {
        bytes32[] storage open = _openCases[wallet];
        for (uint256 index; index < open.length; ++index) {
            Case storage found = _cases[open[index]];
            if (found.task == task && found.role == role && _isOpen(found.openedAt)) revert StakeFrozen(task, role, wallet);
        }
    }

    function _isUnbonded(bytes16 task) internal view returns (bool) {
        Task storage found = _tasks[task];
        return found.status == Status.Finished && block.timestamp >= found.unlocksAt;
    }

    function _requireOpen(bytes32 caseId) private view returns (Case storage found) {
        found = _cases[caseId];
        if (found.status != CaseStatus.Open || !_isOpen(found.openedAt)) revert CaseNotOpen(caseId);
    }

    function _isOpen(uint256 openedAt) private view returns (bool) {
        return block.timestamp < openedAt + CASE_SECONDS;
    }

    /// @dev Cases that ran out of time leave the list here, so that it never stays full.
    function _list(address wallet, bytes32 caseId) private {
        bytes32[] storage open = _openCases[wallet];
        for (uint256 index = open.length; index > 0; --index) {
            if (_isOpen(_cases[open[index - 1]].openedAt)) continue;
            open[index - 1] = open[open.length - 1];
            open.pop();
        }
        if (open.length >= MAX_OPEN_CASES) revert TooManyCases(wallet);
        open.push(caseId);
    }

    function _unlist(address wallet, bytes32 caseId) private {
        bytes32[] storage open = _openCases[wallet];
        for (uint256 index; index < open.length; ++index) {
            if (open[index] != caseId) continue;
            open[index] = open[open.length - 1];
            open.pop();
            return;
        }
    }
}
