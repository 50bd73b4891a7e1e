// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ParameterRegistry} from "./ParameterRegistry.sol";
import {PausableIntake} from "./lib/PausableIntake.sol";
import {EpochClock} from "./lib/EpochClock.sol";
import {IFundable, IStakes} from "./lib/Seams.sol";
import {ShareBook} from "./lib/ShareBook.sol";

/// @title What others delegate to one node or validator: gmFLOCK in, FLOCK rewards out, both by indices in exact integers.
/// @notice A share is one base unit of principal at principal index 1. Delegations and exits asked for in epoch e count once
///         epoch e is funded, or from epoch e + 3 on. Principal bears slashes from the moment it is delegated until an exit is
///         paid out. Tokens that are sent here directly change no account.
/// @dev All pools are clones of one deployment: what is immutable here is the same for all of them.
contract DelegationPool is IFundable, ShareBook {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice What all pools have in common. `exitSeconds` is 10 days and `coolDownSeconds` 1 day outside demos.
    struct Config {
        IERC20 flock;
        IERC20 gmFlock;
        IStakes stakes;
        address rewards;
        ParameterRegistry registry;
        uint256 genesis;
        uint256 epochSeconds;
        uint256 exitSeconds;
        uint256 coolDownSeconds;
    }

    /// @notice An exit: `shares` of `delegator` that leave once `paidFrom` has come, no case is open and they stopped counting.
    struct Exit {
        address delegator;
        uint40 paidFrom;
        uint48 epoch;
        uint128 shares;
    }

    /// @notice Least delegation, and least that an undelegation leaves unless it leaves nothing.
    uint256 public constant MINIMUM = 1e18;
    /// @notice A pool whose principal index a slash brought below this is closed for good.
    uint256 public constant CLOSED_BELOW = 1e18;

    IERC20 private immutable _flock;
    IERC20 private immutable _gmFlock;
    IStakes private immutable _stakes;
    address private immutable _rewards;
    address private immutable _manager;
    ParameterRegistry private immutable _registry;
    /// @notice How long an exit waits before it is paid.
    uint256 public immutable exitSeconds;
    /// @notice How long a delegator waits between delegating and undelegating.
    uint256 public immutable coolDownSeconds;

    /// @notice The node or validator; zero on the code that clones run.
    address public owner;
    /// @notice The next epoch that can be funded.
    uint48 public nextFunding;
    /// @notice Whether a slash closed the pool: no delegation and no funding any more; exits and claims go on.
    bool public closed;
    /// @notice Tracked principal: delegated, exits that are not paid included, rounding dust included.
    uint256 public total;
    /// @notice How many exits were ever asked for; ids count from 1.
    uint256 public exitCount;
    mapping(uint256 exitId => Exit) private _exits;

    /// @notice `amount` came in as `shares`, which count once `epoch` is funded. `aboveCap` of the pool's principal exceeds what
    ///         counts for the owner's present own stake: it earns and bears like the rest, and dilutes it.
    event Delegated(address indexed delegator, uint256 amount, uint256 shares, uint256 epoch, uint256 aboveCap);
    /// @notice `shares`, worth `amount` now, leave from `paidFrom` on; they stop counting once `epoch` is funded.
    event ExitAsked(
        uint256 indexed exitId, address indexed delegator, uint256 amount, uint256 shares, uint256 epoch, uint40 paidFrom
    );
    /// @notice An exit was paid.
    event ExitPaid(uint256 indexed exitId, address indexed delegator, uint256 amount);
    /// @notice `amount` was shared for `epoch`.
    event Funded(uint256 indexed epoch, uint256 amount, uint256 rewardIndex, uint256 carry, uint256 totalShares);
    /// @notice A delegator took `amount` of rewards, of which `fee` went to the treasury.
    event Claimed(address indexed delegator, uint256 amount, uint256 fee);
    /// @notice A case took `amount` of the principal.
    event PrincipalSlashed(bytes32 indexed caseId, uint256 amount, uint256 principalIndex, uint256 total);
    /// @notice The pool takes nothing in any more.
    event PoolClosed(bytes32 indexed caseId);

    /// @notice Set up before.
    error AlreadyInitialized();
    /// @notice Only the manager or the rewards' contract may.
    error NotAllowed(address caller);
    /// @notice The pool is closed for good.
    error PoolIsClosed();
    /// @notice While a case against the owner is open no new money comes in and no exit is paid.
    error CaseIsOpen(address owner);
    /// @notice Below the least delegation.
    error DelegationTooSmall(uint256 amount, uint256 minimum);
    /// @notice More than the delegator has, or nothing.
    error InvalidUndelegation(uint256 amount, uint256 available);
    /// @notice The undelegation would leave less than the least delegation.
    error RestTooSmall(uint256 rest, uint256 minimum);
    /// @notice The delegator delegated too recently.
    error CoolingDown(uint256 until);
    /// @notice There is nobody to share the reward among.
    error NoDelegation();
    /// @notice Funded before, not over yet, or an earlier epoch can still be funded.
    error FundingOutOfOrder(uint256 epoch, uint256 next);
    /// @notice Nothing to claim.
    error NothingToClaim(address delegator);
    /// @notice Nobody or somebody else owns that exit, or it was paid.
    error NotYourExit(uint256 exitId, address caller);
    /// @notice The exit's time has not come.
    error ExitTooEarly(uint256 exitId, uint256 from);

    modifier onlyBy(address allowed) {
        if (msg.sender != allowed) revert NotAllowed(msg.sender);
        _;
    }

    constructor(Config memory config) EpochClock(config.genesis, config.epochSeconds) {
        _flock = config.flock;
        _gmFlock = config.gmFlock;
        _stakes = config.stakes;
        _rewards = config.rewards;
        _registry = config.registry;
        _manager = msg.sender;
        exitSeconds = config.exitSeconds;
        coolDownSeconds = config.coolDownSeconds;
    }

    /// @notice Gives a fresh clone its owner; by the manager, in the transaction that makes the clone.
    function initialize(address owner_) external onlyBy(_manager) {
        if (owner != address(0)) revert AlreadyInitialized();
        owner = owner_;
        nextFunding = uint48(currentEpoch());
        principalIndex = SCALE;
    }

    /// @notice Principal that counts and earns now.
    function countedPrincipal() external view returns (uint256) {
        return closed ? 0 : _worth(countedShares());
    }

    /// @notice What `delegator` could undelegate now.
    function delegationOf(address delegator) external view returns (uint256) {
        return _worth(_freeShares(delegator));
    }

    /// @notice The exit `exitId`; all zero if there is none or it was paid.
    function exitOf(uint256 exitId) external view returns (Exit memory) {
        return _exits[exitId];
    }

    /// @inheritdoc IFundable
    function takesRewards() external view returns (bool) {
        return !closed && countedShares() > 0;
    }

    /// @notice Delegates `amount` of the caller's gmFLOCK, which it has approved.
    function delegate(uint256 amount) external {
        if (PausableIntake(_manager).intakePaused()) revert PausableIntake.IntakeIsPaused();
        if (closed) revert PoolIsClosed();
        if (_stakes.hasOpenCase(owner)) revert CaseIsOpen(owner);
        if (amount < MINIMUM) revert DelegationTooSmall(amount, MINIMUM);
        uint256 shares = Math.mulDiv(amount, SCALE, principalIndex);
        uint256 epoch = currentEpoch();
        total += amount;
        _askIn(msg.sender, shares.toUint128(), epoch);
        emit Delegated(msg.sender, amount, shares, epoch, _aboveCap());
        _gmFlock.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Asks for `amount` of the caller's delegation to leave.
    function undelegate(uint256 amount) external returns (uint256 exitId) {
        uint256 epoch = currentEpoch();
        uint256 until = delegatedAt(msg.sender) + coolDownSeconds;
        if (block.timestamp < until) revert CoolingDown(until);
        _advanceByTime();
        uint256 free = _freeShares(msg.sender);
        uint256 available = _worth(free);
        if (amount == 0 || amount > available) revert InvalidUndelegation(amount, available);
        // All of it takes the last fraction of a share along: crumbs of shares would earn without bound.
        uint256 shares = amount == available ? free : Math.mulDiv(amount, SCALE, principalIndex, Math.Rounding.Ceil);
        uint256 rest = _worth(free - shares);
        if (rest != 0 && rest < MINIMUM) revert RestTooSmall(rest, MINIMUM);
        _askOut(msg.sender, shares.toUint128(), epoch);
        exitId = ++exitCount;
        uint40 paidFrom = uint40(block.timestamp + exitSeconds);
        _exits[exitId] = Exit(msg.sender, paidFrom, uint48(epoch), uint128(shares));
        emit ExitAsked(exitId, msg.sender, amount, shares, epoch, paidFrom);
    }

    /// @notice Pays an exit of the caller's whose time has come.
    function withdraw(uint256 exitId) external returns (uint256 amount) {
        Exit memory asked = _exits[exitId];
        if (asked.delegator != msg.sender) revert NotYourExit(exitId, msg.sender);
        if (block.timestamp < asked.paidFrom) revert ExitTooEarly(exitId, asked.paidFrom);
        if (_stakes.hasOpenCase(owner)) revert CaseIsOpen(owner);
        _advanceByTime();
        if (asked.epoch >= nextActivation) revert ExitTooEarly(exitId, _countsFrom(asked.epoch));
        amount = _worth(asked.shares);
        total -= amount;
        delete _exits[exitId];
        emit ExitPaid(exitId, msg.sender, amount);
        _gmFlock.safeTransfer(msg.sender, amount);
    }

    /// @notice Pays the caller its rewards, less the fee.
    function claim() external returns (uint256 net) {
        uint256 amount = _takeRewards(msg.sender);
        if (amount == 0) revert NothingToClaim(msg.sender);
        ParameterRegistry.Values memory values = _registry.values();
        uint256 fee = (amount * values.delegatorFeeBps) / 10_000;
        net = amount - fee;
        emit Claimed(msg.sender, amount, fee);
        _flock.safeTransfer(msg.sender, net);
        if (fee > 0) _flock.safeTransfer(values.treasury, fee);
    }

    /// @inheritdoc IFundable
    /// @dev An epoch that was left out can be jumped once its delegations and exits count by time.
    function fund(uint256 epoch, uint256 amount) external onlyBy(_rewards) {
        uint256 next = nextFunding;
        uint256 current = currentEpoch();
        bool jumps = epoch > next && current < epoch + ACTIVATION_EPOCHS;
        if (epoch < next || epoch >= current || jumps) revert FundingOutOfOrder(epoch, next);
        if (closed && amount > 0) revert PoolIsClosed();
        _advanceByTime();
        if (amount > 0 && totalShares == 0) revert NoDelegation();
        nextFunding = uint48(epoch + 1);
        _share(amount);
        emit Funded(epoch, amount, rewardIndex, carry, totalShares);
        _activateThrough(epoch);
    }

    /// @notice Takes up to `amount` of the principal, exits included, pro rata; rewards already earned stay.
    function slash(bytes32 caseId, uint256 amount, address to) external onlyBy(_manager) returns (uint256 taken) {
        if (closed || total == 0) return 0;
        taken = Math.min(amount, total);
        uint256 left = total - taken;
        principalIndex = Math.mulDiv(principalIndex, left, total);
        total = left;
        emit PrincipalSlashed(caseId, taken, principalIndex, left);
        if (principalIndex < CLOSED_BELOW) {
            closed = true;
            emit PoolClosed(caseId);
        }
        _gmFlock.safeTransfer(to, taken);
    }

    function _aboveCap() private view returns (uint256) {
        uint256 counted = _stakes.ownTotal(owner) * _registry.values().delegationCap;
        return total > counted ? total - counted : 0;
    }
}
