// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Reward epochs: equal slices of a day, counted from a fixed second.
abstract contract EpochClock {
    /// @notice First second of epoch 0.
    uint256 public immutable genesis;
    /// @notice Length of an epoch; divides a day.
    uint256 public immutable epochSeconds;

    /// @notice An epoch must divide a day without a rest.
    error InvalidEpochSeconds(uint256 epochSeconds);

    constructor(uint256 genesis_, uint256 epochSeconds_) {
        if (epochSeconds_ == 0 || 1 days % epochSeconds_ != 0) revert InvalidEpochSeconds(epochSeconds_);
        genesis = genesis_;
        epochSeconds = epochSeconds_;
    }

    /// @notice The epoch that runs now; 0 also before the genesis. An epoch is over when its number is below this one.
    function currentEpoch() public view returns (uint256) {
        return block.timestamp < genesis ? 0 : (block.timestamp - genesis) / epochSeconds;
    }
}
