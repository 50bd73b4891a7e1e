// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DelegationPool} from "../contracts/DelegationPool.sol";
import {PoolHandler} from "./PoolHandler.sol";
import {Test} from "./Test.sol";

contract PoolInvariants is Test {
    PoolHandler private play;
    DelegationPool private pool;

    function setUp() public {
        play = new PoolHandler();
        pool = play.pool();
        bytes4[] memory moves = new bytes4[](8);
        moves[0] = PoolHandler.delegate.selector;
        moves[1] = PoolHandler.undelegate.selector;
        moves[2] = PoolHandler.withdraw.selector;
        moves[3] = PoolHandler.claim.selector;
        moves[4] = PoolHandler.fund.selector;
        moves[5] = PoolHandler.slash.selector;
        moves[6] = PoolHandler.donate.selector;
        moves[7] = PoolHandler.pass.selector;
        _target(address(play), moves);
    }

    /// @dev Σ(l + d·I) + carry + 1e27·Σ claimed = 1e27·Σ funded, exactly.
    function invariant_indexIdentity() public view {
        (uint256 left, uint256 right) = play.identity();
        same(left, right, "identity");
    }

    function invariant_sharesAddUp() public view {
        same(play.sumOfShares(), pool.countedShares(), "D");
        yes(pool.countedShares() == 0 || pool.countedShares() >= 1e18, "never a crumb of shares");
    }

    /// @dev What can be taken out plus dust is the tracked total, and the contract holds at least that.
    function invariant_principalIsCovered() public view {
        (, uint256 held) = play.balances();
        yes(play.principalOwed() <= pool.total(), "owed above total");
        same(pool.total(), held, "gmFLOCK cannot even be donated");
    }

    function invariant_rewardsAreCovered() public view {
        (uint256 held,) = play.balances();
        uint256 tracked = uint256(pool.totalFunded()) - pool.totalClaimed();
        yes(play.rewardsOwed() <= tracked, "owed above what is tracked");
        yes(tracked <= held, "tracked above the balance");
    }
}
