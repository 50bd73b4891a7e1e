// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {EpochClock} from "./EpochClock.sol";

/// @title Shares with a reward index and a principal index, whose changes wait for the end of their epoch.
/// @dev The identity Σ(l + d·I) + carry + SCALE·Σ claimed = SCALE·Σ funded holds exactly after every call: a change of d by s is
///      always paired with −s·I in l, with the very I of the moment at which D changed by s.
abstract contract ShareBook is EpochClock {
    /// @notice Scale of both indices.
    uint256 public constant SCALE = 1e27;
    /// @notice What was asked for in epoch e counts, without funding, from e + this + 1 on.
    uint256 public constant ACTIVATION_EPOCHS = 2;

    /// @dev What one delegator asked for in one epoch. There are never more than three epochs that do not count yet, so a ring
    ///      of three holds them: whoever asks in epoch e first settles e − 3.
    struct Asked {
        uint128 sharesIn;
        uint128 sharesOut;
        uint48 epoch;
    }

    /// @dev `credit` is l, scaled; `shares` is d.
    struct Account {
        int256 credit;
        uint128 shares;
        uint40 delegatedAt;
        Asked[3] asked;
    }

    /// @dev What all delegators together asked for in one epoch.
    struct Bucket {
        uint128 sharesIn;
        uint128 sharesOut;
    }

    /// @notice I: scaled rewards per share so far.
    uint256 public rewardIndex;
    /// @notice P: scaled principal per share.
    uint256 public principalIndex;
    /// @notice Scaled rest of the last funding, for the next one.
    uint256 public carry;
    /// @notice D as of the last activation.
    uint128 public totalShares;
    /// @notice The first epoch whose delegations and exits do not count yet.
    uint48 public nextActivation;
    /// @notice The epoch in which somebody last asked.
    uint48 public lastAsked;
    /// @notice Everything ever funded.
    uint128 public totalFunded;
    /// @notice Everything ever claimed, fees included.
    uint128 public totalClaimed;

    mapping(uint256 epoch => Bucket) private _buckets;
    mapping(uint256 epoch => uint256) private _activationIndex;
    mapping(address delegator => Account) private _accounts;

    /// @notice What was asked for in `epoch` counts now.
    event Activated(uint256 indexed epoch, uint256 sharesIn, uint256 sharesOut, uint256 totalShares, uint256 rewardIndex);

    /// @notice d and l of a delegator, with everything that counts by now.
    function accountOf(address delegator) public view returns (uint256 shares, int256 credit) {
        Account storage account = _accounts[delegator];
        (shares, credit) = (account.shares, account.credit);
        for (uint256 slot; slot < 3; ++slot) {
            Asked memory asked = account.asked[slot];
            if (asked.sharesIn | asked.sharesOut == 0 || !_counts(asked.epoch)) continue;
            shares = shares + asked.sharesIn - asked.sharesOut;
            // What counts by time only has earned nothing yet: nobody has touched the pool since, so the index has not moved.
            uint256 index = asked.epoch < nextActivation ? _activationIndex[asked.epoch] : rewardIndex;
            credit -= (int256(uint256(asked.sharesIn)) - int256(uint256(asked.sharesOut))) * int256(index);
        }
    }

    /// @notice Rewards that `delegator` could claim now, before the fee.
    function claimable(address delegator) public view returns (uint256) {
        (uint256 shares, int256 credit) = accountOf(delegator);
        return uint256(credit + int256(shares * rewardIndex)) / SCALE;
    }

    /// @notice D as it is now, with what counts by time although nobody has touched the pool since.
    function countedShares() public view returns (uint256 shares) {
        shares = totalShares;
        for (uint256 epoch = _firstWaiting(); epoch <= lastAsked && _counts(epoch); ++epoch) {
            Bucket memory bucket = _buckets[epoch];
            shares = shares + bucket.sharesIn - bucket.sharesOut;
        }
    }

    /// @notice When `delegator` last delegated, in seconds since 1970.
    function delegatedAt(address delegator) public view returns (uint256) {
        return _accounts[delegator].delegatedAt;
    }

    function _askIn(address delegator, uint128 shares, uint256 epoch) internal {
        Asked storage asked = _ask(delegator, epoch);
        asked.sharesIn += shares;
        _buckets[epoch].sharesIn += shares;
        _accounts[delegator].delegatedAt = uint40(block.timestamp);
    }

    function _askOut(address delegator, uint128 shares, uint256 epoch) internal {
        Asked storage asked = _ask(delegator, epoch);
        asked.sharesOut += shares;
        _buckets[epoch].sharesOut += shares;
    }

    function _ask(address delegator, uint256 epoch) private returns (Asked storage asked) {
        _advanceByTime();
        _settle(delegator);
        lastAsked = uint48(epoch);
        asked = _accounts[delegator].asked[epoch % 3];
        asked.epoch = uint48(epoch);
    }

    /// @dev Shares that count and are not about to leave.
    function _freeShares(address delegator) internal view returns (uint256 shares) {
        (shares,) = accountOf(delegator);
        for (uint256 slot; slot < 3; ++slot) {
            Asked memory asked = _accounts[delegator].asked[slot];
            if (!_counts(asked.epoch)) shares -= asked.sharesOut;
        }
    }

    function _takeRewards(address delegator) internal returns (uint256 amount) {
        _advanceByTime();
        _settle(delegator);
        amount = claimable(delegator);
        _accounts[delegator].credit -= int256(amount * SCALE);
        totalClaimed += uint128(amount);
    }

    function _share(uint256 amount) internal {
        if (amount == 0) return;
        uint256 scaled = amount * SCALE + carry;
        rewardIndex += scaled / totalShares;
        carry = scaled % totalShares;
        totalFunded += uint128(amount);
    }

    function _worth(uint256 shares) internal view returns (uint256) {
        return Math.mulDiv(shares, principalIndex, SCALE);
    }

    /// @dev First second at which what was asked for in `epoch` counts by time.
    function _countsFrom(uint256 epoch) internal view returns (uint256) {
        return genesis + (epoch + ACTIVATION_EPOCHS + 1) * epochSeconds;
    }

    function _advanceByTime() internal {
        uint256 current = currentEpoch();
        if (current > ACTIVATION_EPOCHS) _activateThrough(current - ACTIVATION_EPOCHS - 1);
    }

    /// @dev At most three epochs hold something that does not count yet, so this loop is short whatever time has passed.
    function _activateThrough(uint256 through) internal {
        if (through < nextActivation) return;
        for (uint256 epoch = _firstWaiting(); epoch <= through && epoch <= lastAsked; ++epoch) {
            Bucket memory bucket = _buckets[epoch];
            if (bucket.sharesIn | bucket.sharesOut == 0) continue;
            totalShares = totalShares + bucket.sharesIn - bucket.sharesOut;
            _activationIndex[epoch] = rewardIndex;
            emit Activated(epoch, bucket.sharesIn, bucket.sharesOut, totalShares, rewardIndex);
        }
        nextActivation = uint48(through + 1);
    }

    function _firstWaiting() private view returns (uint256) {
        uint256 oldest = lastAsked < ACTIVATION_EPOCHS ? 0 : lastAsked - ACTIVATION_EPOCHS;
        return Math.max(nextActivation, oldest);
    }

    function _counts(uint256 epoch) private view returns (bool) {
        return epoch < nextActivation || currentEpoch() > epoch + ACTIVATION_EPOCHS;
    }

    /// @dev After `_advanceByTime` only: then what counts by time has its index.
    function _settle(address delegator) private {
        Account storage account = _accounts[delegator];
        (uint256 shares, int256 credit) = accountOf(delegator);
        for (uint256 slot; slot < 3; ++slot) {
            Asked storage asked = account.asked[slot];
            if (asked.sharesIn | asked.sharesOut != 0 && asked.epoch < nextActivation) delete account.asked[slot];
        }
        account.shares = uint128(shares);
        account.credit = credit;
    }
}
