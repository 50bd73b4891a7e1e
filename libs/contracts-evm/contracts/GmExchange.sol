// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {GmFlock} from "./GmFlock.sol";
import {PausableIntake} from "./lib/PausableIntake.sol";

/// @title Locks FLOCK for a chosen time and mints gmFLOCK; gives FLOCK back for gmFLOCK once the time is over.
/// @notice A lock of n FLOCK mints gm = n·multiplier/10 000. After `unlockTime` any part g of gm pays ⌊n·g/gm⌋ less the
///         conversion fee fixed when locking; the last part pays the rest. There is no early exit.
contract GmExchange is PausableIntake {
    using SafeERC20 for IERC20;

    /// @notice May change fee, minimum and treasury for later locks and redemptions (a time lock in production).
    bytes32 public constant MANAGER_ROLE = keccak256("MANAGER_ROLE");
    /// @notice May lock its own FLOCK for somebody else.
    bytes32 public constant GRANTOR_ROLE = keccak256("GRANTOR_ROLE");

    /// @notice Up to this many seconds a lock counts once.
    uint256 public constant FLAT_SECONDS = 30 days;
    /// @notice From this many seconds on a lock counts 3.01 times.
    uint256 public constant FULL_SECONDS = 365 days;
    /// @notice Longest lock that is accepted.
    uint256 public constant MAX_SECONDS = 3650 days;
    /// @notice Denominator of multipliers and fees.
    uint256 public constant BPS = 10_000;

    /// @notice One lock. `amount` and `gm` are what it began with; `gmRemaining` and `amountRemaining` what is left.
    struct Lock {
        address owner;
        uint40 unlockTime;
        uint16 feeBps;
        uint128 amount;
        uint128 gm;
        uint128 amountRemaining;
        uint128 gmRemaining;
    }

    /// @notice The token that is locked.
    IERC20 public immutable flock;
    /// @notice The token that is minted.
    GmFlock public immutable gmFlock;
    /// @notice Where conversion fees go as they are realised.
    address public treasury;
    /// @notice Fee of new locks in basis points.
    uint16 public feeBps;
    /// @notice Least FLOCK of one lock, against dust.
    uint128 public minimumLock;
    /// @notice How many locks were ever made; ids count from 1.
    uint256 public lockCount;
    /// @notice FLOCK held for locks; the rest of this contract's balance was sent by mistake.
    uint256 public totalLocked;

    mapping(uint256 lockId => Lock) private _locks;

    /// @notice FLOCK was locked. `multiplier` is in units of 1/10 000; `unlockTime` in seconds since 1970.
    event Locked(
        uint256 indexed lockId,
        address indexed owner,
        uint256 amount,
        uint256 gm,
        uint256 multiplier,
        uint16 feeBps,
        uint40 unlockTime
    );
    /// @notice The FLOCK of a lock came from `grantor`, for good.
    event Granted(uint256 indexed lockId, address indexed grantor, address indexed beneficiary);
    /// @notice Part `gm` of a lock was redeemed: `paid` FLOCK to its owner and `fee` FLOCK to the treasury.
    event Redeemed(
        uint256 indexed lockId,
        address indexed owner,
        uint256 gm,
        uint256 paid,
        uint256 fee,
        uint256 gmRemaining,
        uint256 amountRemaining
    );
    /// @notice Parameters of later locks and redemptions.
    event ParametersChanged(uint16 feeBps, uint128 minimumLock, address treasury);

    /// @notice The amount is below the least that may be locked.
    error LockTooSmall(uint256 amount, uint256 minimum);
    /// @notice The amount does not fit the books.
    error LockTooLarge(uint256 amount);
    /// @notice The time is above the longest that may be chosen.
    error LockTooLong(uint256 secondsChosen, uint256 maximum);
    /// @notice Nobody or somebody else owns that lock.
    error NotLockOwner(uint256 lockId, address caller);
    /// @notice The lock's time is not over.
    error StillLocked(uint256 lockId, uint256 unlockTime);
    /// @notice Nothing, or more than is left, was asked for.
    error InvalidRedemption(uint256 lockId, uint256 gm, uint256 gmRemaining);
    /// @notice A share above the whole.
    error FeeTooHigh(uint256 feeBps);
    /// @notice An address that must not be zero is zero.
    error ZeroAddress();

    constructor(
        IERC20 flock_,
        GmFlock gmFlock_,
        address treasury_,
        uint16 feeBps_,
        uint128 minimumLock_,
        address admin
    ) {
        flock = flock_;
        gmFlock = gmFlock_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setParameters(feeBps_, minimumLock_, treasury_);
    }

    /// @notice Multiplier of a lock of `lockSeconds`, in units of 1/10 000: 10 000 up to 30 days, then
    ///         ⌊21 900·(t − 30 d)/365 d⌋ more, at most as for 365 days.
    function multiplierOf(uint256 lockSeconds) public pure returns (uint256) {
        if (lockSeconds <= FLAT_SECONDS) return BPS;
        return (21_900 * (Math.min(lockSeconds, FULL_SECONDS) - FLAT_SECONDS)) / FULL_SECONDS + BPS;
    }

    /// @notice The lock `lockId`; all zero if there is none.
    function lockOf(uint256 lockId) external view returns (Lock memory) {
        return _locks[lockId];
    }

    /// @notice Locks `amount` FLOCK of the caller for `lockSeconds` and mints its gmFLOCK to the caller.
    /// @return lockId the new lock.
    function lock(uint256 amount, uint256 lockSeconds) external whenIntakeOpen returns (uint256 lockId) {
        return _lock(msg.sender, amount, lockSeconds);
    }

    /// @notice Locks `amount` FLOCK of the caller for `beneficiary`, who alone can redeem it. Nobody can take it back.
    /// @return lockId the new lock.
    function grantLock(address beneficiary, uint256 amount, uint256 lockSeconds)
        external
        onlyRole(GRANTOR_ROLE)
        whenIntakeOpen
        returns (uint256 lockId)
    {
        if (beneficiary == address(0)) revert ZeroAddress();
        lockId = _lock(beneficiary, amount, lockSeconds);
        emit Granted(lockId, msg.sender, beneficiary);
    }

    /// @notice Burns `gm` of the caller's gmFLOCK against its lock and pays the FLOCK behind that part, less the fee.
    function redeem(uint256 lockId, uint256 gm) external returns (uint256 paid) {
        Lock storage held = _locks[lockId];
        if (held.owner != msg.sender) revert NotLockOwner(lockId, msg.sender);
        if (block.timestamp < held.unlockTime) revert StillLocked(lockId, held.unlockTime);
        uint256 left = held.gmRemaining;
        if (gm == 0 || gm > left) revert InvalidRedemption(lockId, gm, left);
        uint256 gross = gm == left ? held.amountRemaining : Math.mulDiv(held.amount, gm, held.gm);
        uint256 fee = (gross * held.feeBps) / BPS;
        paid = gross - fee;
        held.gmRemaining = uint128(left - gm);
        held.amountRemaining = uint128(held.amountRemaining - gross);
        totalLocked -= gross;
        emit Redeemed(lockId, msg.sender, gm, paid, fee, held.gmRemaining, held.amountRemaining);
        gmFlock.burn(msg.sender, gm);
        flock.safeTransfer(msg.sender, paid);
        if (fee > 0) flock.safeTransfer(treasury, fee);
    }

    /// @notice Sets what later locks and redemptions use; a lock keeps the fee it was made with.
    function setParameters(uint16 feeBps_, uint128 minimumLock_, address treasury_) external onlyRole(MANAGER_ROLE) {
        _setParameters(feeBps_, minimumLock_, treasury_);
    }

    function _lock(address owner, uint256 amount, uint256 lockSeconds) private returns (uint256 lockId) {
        if (amount < minimumLock || amount == 0) revert LockTooSmall(amount, minimumLock);
        if (lockSeconds > MAX_SECONDS) revert LockTooLong(lockSeconds, MAX_SECONDS);
        uint256 multiplier = multiplierOf(lockSeconds);
        // Also bounds n·multiplier: the cap of FLOCK lies far below.
        if (amount > type(uint128).max / multiplier) revert LockTooLarge(amount);
        uint256 gm = (amount * multiplier) / BPS;
        lockId = ++lockCount;
        Lock memory made = Lock({
            owner: owner,
            unlockTime: uint40(block.timestamp + lockSeconds),
            feeBps: feeBps,
            amount: uint128(amount),
            gm: uint128(gm),
            amountRemaining: uint128(amount),
            gmRemaining: uint128(gm)
        });
        _locks[lockId] = made;
        totalLocked += amount;
        emit Locked(lockId, owner, amount, gm, multiplier, made.feeBps, made.unlockTime);
        flock.safeTransferFrom(msg.sender, address(this), amount);
        gmFlock.mint(owner, gm);
    }

    function _setParameters(uint16 feeBps_, uint128 minimumLock_, address treasury_) private {
        if (feeBps_ > BPS) revert FeeTooHigh(feeBps_);
        if (treasury_ == address(0)) revert ZeroAddress();
        feeBps = feeBps_;
        minimumLock = minimumLock_;
        treasury = treasury_;
        emit ParametersChanged(feeBps_, minimumLock_, treasury_);
    }
}
