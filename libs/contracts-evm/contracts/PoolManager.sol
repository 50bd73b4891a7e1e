// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {DelegationPool} from "./DelegationPool.sol";
import {GmFlock} from "./GmFlock.sol";
import {ParameterRegistry} from "./ParameterRegistry.sol";
import {IPools, IStakes} from "./lib/Seams.sol";
import {PausableIntake} from "./lib/PausableIntake.sol";

/// @title Opens delegation pools, one per node or validator, and keeps each owner's share σ.
/// @notice σ (of 1 000 000) is the part of the reward on delegated stake that the owner keeps. It falls at once and rises after
///         an announcement; it changes at most once in `sigmaIntervalSeconds`, and never close to the end of a task that the
///         owner is in.
contract PoolManager is IPools, PausableIntake {
    /// @notice Denominator of σ.
    uint32 public constant SIGMA_BASE = 1_000_000;
    /// @notice How long an announced rise can be applied once its time has come: nobody keeps one in stock.
    uint256 public constant ANNOUNCEMENT_VALID_SECONDS = 30 days;

    /// @notice What σ rules wait for, in seconds (10 days, 30 days and 2 days outside demos).
    struct SigmaTiming {
        uint32 noticeSeconds;
        uint32 intervalSeconds;
        uint32 freezeSeconds;
    }

    /// @notice An owner's σ: now, since when, and the announced rise (`risesAt` 0: none).
    struct Sigma {
        uint32 value;
        uint40 changedAt;
        uint32 announced;
        uint40 risesAt;
    }

    /// @notice The token that is delegated.
    GmFlock public immutable gmFlock;
    /// @notice The stakes: their contract alone may slash pools.
    IStakes public immutable stakes;
    /// @notice The code that all pools run.
    address public immutable poolCode;
    uint32 private immutable _noticeSeconds;
    uint32 private immutable _intervalSeconds;
    uint32 private immutable _freezeSeconds;

    /// @inheritdoc IPools
    mapping(address owner => address) public poolOf;
    /// @inheritdoc IPools
    mapping(address account => address) public ownerOf;
    mapping(address owner => Sigma) private _sigmas;

    /// @notice `owner` opened a pool with share `sigma`.
    event PoolCreated(address indexed owner, address indexed pool, uint32 sigma);
    /// @notice The owner's share is now `sigma`.
    event SigmaChanged(address indexed owner, uint32 sigma);
    /// @notice The owner's share may rise to `sigma` from `risesAt` on.
    event SigmaRiseAnnounced(address indexed owner, uint32 sigma, uint40 risesAt);

    /// @notice The owner has a pool that is not closed.
    error PoolExists(address owner, address pool);
    /// @notice The owner has no pool.
    error NoPool(address owner);
    /// @notice A share above the whole.
    error SigmaTooHigh(uint32 sigma);
    /// @notice A rise must be announced, a fall must not; the same again is no change.
    error NotAFall(uint32 sigma, uint32 current);
    /// @notice A fall is made at once, not announced; the same again is no change.
    error NotARise(uint32 sigma, uint32 current);
    /// @notice σ changed too recently.
    error SigmaChangedRecently(uint256 nextChangeFrom);
    /// @notice A task that the owner is in ends, or ended, too close to now.
    error SigmaFrozen(address owner);
    /// @notice No rise is announced, its time has not come, or it was left too long.
    error NoRiseDue(address owner, uint256 from, uint256 until);
    /// @notice Only the stakes' contract may.
    error OnlyStakes(address caller);

    constructor(DelegationPool.Config memory config, SigmaTiming memory timing, address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        gmFlock = GmFlock(address(config.gmFlock));
        stakes = config.stakes;
        _noticeSeconds = timing.noticeSeconds;
        _intervalSeconds = timing.intervalSeconds;
        _freezeSeconds = timing.freezeSeconds;
        poolCode = address(new DelegationPool(config));
    }

    /// @notice The owner's share: now, since when, and its announced rise.
    function sigmaOf(address owner) external view returns (Sigma memory) {
        return _sigmas[owner];
    }

    /// @inheritdoc IPools
    function countedPrincipal(address owner) external view returns (uint256) {
        address pool = poolOf[owner];
        return pool == address(0) ? 0 : DelegationPool(pool).countedPrincipal();
    }

    /// @notice Opens the caller's pool. Whoever has one that is closed may open another.
    function createPool(uint32 sigma) external whenIntakeOpen returns (address pool) {
        if (sigma > SIGMA_BASE) revert SigmaTooHigh(sigma);
        address present = poolOf[msg.sender];
        if (present != address(0) && !DelegationPool(present).closed()) revert PoolExists(msg.sender, present);
        pool = Clones.clone(poolCode);
        poolOf[msg.sender] = pool;
        ownerOf[pool] = msg.sender;
        _sigmas[msg.sender] = Sigma(sigma, uint40(block.timestamp), 0, 0);
        emit PoolCreated(msg.sender, pool, sigma);
        DelegationPool(pool).initialize(msg.sender);
        gmFlock.register(pool);
    }

    /// @notice Lowers the caller's share at once; an announced rise is forgotten.
    function lowerSigma(uint32 sigma) external {
        Sigma storage held = _changeable(msg.sender);
        if (sigma >= held.value) revert NotAFall(sigma, held.value);
        _change(held, msg.sender, sigma);
    }

    /// @notice Announces a rise of the caller's share, in place of one announced before.
    function announceSigma(uint32 sigma) external {
        if (poolOf[msg.sender] == address(0)) revert NoPool(msg.sender);
        if (sigma > SIGMA_BASE) revert SigmaTooHigh(sigma);
        Sigma storage held = _sigmas[msg.sender];
        if (sigma <= held.value) revert NotARise(sigma, held.value);
        held.announced = sigma;
        held.risesAt = uint40(block.timestamp + _noticeSeconds);
        emit SigmaRiseAnnounced(msg.sender, sigma, held.risesAt);
    }

    /// @notice Makes the caller's announced rise.
    function applySigma() external {
        Sigma storage held = _changeable(msg.sender);
        uint256 from = held.risesAt;
        uint256 until = from + ANNOUNCEMENT_VALID_SECONDS;
        if (from == 0 || block.timestamp < from || block.timestamp > until) revert NoRiseDue(msg.sender, from, until);
        _change(held, msg.sender, held.announced);
    }

    /// @inheritdoc IPools
    function slash(address pool, bytes32 caseId, uint256 amount) external returns (uint256 taken) {
        if (msg.sender != address(stakes)) revert OnlyStakes(msg.sender);
        return DelegationPool(pool).slash(caseId, amount, msg.sender);
    }

    function _changeable(address owner) private view returns (Sigma storage held) {
        if (poolOf[owner] == address(0)) revert NoPool(owner);
        held = _sigmas[owner];
        uint256 from = uint256(held.changedAt) + _intervalSeconds;
        if (block.timestamp < from) revert SigmaChangedRecently(from);
        if (stakes.nearTaskEnd(owner, _freezeSeconds)) revert SigmaFrozen(owner);
    }

    function _change(Sigma storage held, address owner, uint32 sigma) private {
        held.value = sigma;
        held.changedAt = uint40(block.timestamp);
        held.announced = 0;
        held.risesAt = 0;
        emit SigmaChanged(owner, sigma);
    }
}
