// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MoneyHandler} from "./MoneyHandler.sol";
import {Test} from "./Test.sol";

contract MoneyInvariants is Test {
    MoneyHandler private play;

    function setUp() public {
        play = new MoneyHandler();
        bytes4[] memory moves = new bytes4[](10);
        moves[0] = MoneyHandler.lock.selector;
        moves[1] = MoneyHandler.redeem.selector;
        moves[2] = MoneyHandler.stake.selector;
        moves[3] = MoneyHandler.openCase.selector;
        moves[4] = MoneyHandler.slash.selector;
        moves[5] = MoneyHandler.mint.selector;
        moves[6] = MoneyHandler.post.selector;
        moves[7] = MoneyHandler.claim.selector;
        moves[8] = MoneyHandler.pass.selector;
        moves[9] = MoneyHandler.donate.selector;
        _target(address(play), moves);
    }

    function invariant_stakesAreCovered() public view {
        (uint256 tracked, uint256 sum, uint256 held) = play.stakes();
        same(tracked, sum, "grand total");
        same(tracked, held, "held");
    }

    /// @dev Slashed or not, all gmFLOCK is somewhere, and behind each unit of it a lock holds FLOCK.
    function invariant_lockedGmFlockIsNeverLost() public view {
        (uint256 supply, uint256 sum) = play.gmEverywhere();
        same(supply, sum, "all of it is somewhere");
        (uint256 tracked, uint256 locked, uint256 held, uint256 gmOfLocks) = play.locks();
        same(tracked, locked, "locked");
        same(locked + play.donated(), held, "held");
        same(gmOfLocks, supply, "redeemable gm");
    }

    function invariant_eachCaseTakesAtMostItsCap() public view {
        for (uint256 index; index < play.caseCount(); ++index) {
            yes(play.takenBy(play.cases(index)) <= play.capOf(play.cases(index)), "above its cap");
        }
    }

    function invariant_supplyIsGenesisPlusEmission() public view {
        (uint256 actual, uint256 expected) = play.supply();
        same(actual, expected, "supply");
    }

    function invariant_claimsNeverExceedTheRoot() public view {
        (uint256 funded, uint256 granted, uint256 paid, uint256 held) = play.rewardBooks();
        yes(paid <= granted && granted <= funded, "paid, granted, funded");
        same(held, funded - paid + play.donated(), "held");
        for (uint256 index; index < 3; ++index) {
            (uint256 grantedTo, uint256 paidTo) = play.userBooks(index);
            yes(paidTo <= grantedTo, "paid above granted");
        }
    }
}
