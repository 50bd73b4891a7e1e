// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "../contracts/lib/EpochClock.sol";
import {ShareBook} from "../contracts/lib/ShareBook.sol";

/// @dev The book of a pool without tokens and without a least delegation: every change counts at once.
contract BareBook is ShareBook {
    constructor(uint256 genesis_, uint256 epochSeconds_) EpochClock(genesis_, epochSeconds_) {
        principalIndex = SCALE;
    }

    function delegate(address user, uint128 shares) external {
        _askIn(user, shares, nextActivation);
        _activateThrough(nextActivation);
    }

    function undelegate(address user, uint128 shares) external {
        _askOut(user, shares, nextActivation);
        _activateThrough(nextActivation);
    }

    function fund(uint256 amount) external {
        _share(amount);
    }

    function claim(address user) external returns (uint256) {
        return _takeRewards(user);
    }
}
