// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationHandler} from "./FederationHandler.sol";
import {Test} from "./Test.sol";

contract FederationInvariants is Test {
    FederationHandler private play;

    function setUp() public {
        play = new FederationHandler();
        bytes4[] memory moves = new bytes4[](11);
        moves[0] = FederationHandler.create.selector;
        moves[1] = FederationHandler.fund.selector;
        moves[2] = FederationHandler.join.selector;
        moves[3] = FederationHandler.openRound.selector;
        moves[4] = FederationHandler.settle.selector;
        moves[5] = FederationHandler.settleWrongly.selector;
        moves[6] = FederationHandler.finish.selector;
        moves[7] = FederationHandler.withdraw.selector;
        moves[8] = FederationHandler.take.selector;
        moves[9] = FederationHandler.donate.selector;
        moves[10] = FederationHandler.pass.selector;
        _target(address(play), moves);
    }

    /// @dev What can be taken out is what is tracked; the contract holds that, and beyond it only what was sent directly.
    function invariant_moneyIsCovered() public view {
        (uint256 owedFlock, uint256 owedGm) = play.owed();
        (uint256 trackedFlock, uint256 trackedGm) = play.tracked();
        (uint256 heldFlock, uint256 heldGm) = play.held();
        same(owedFlock, trackedFlock, "FLOCK tracked");
        same(owedGm, trackedGm, "gmFLOCK tracked");
        same(heldFlock, trackedFlock + play.donated(), "FLOCK held");
        same(heldGm, trackedGm, "gmFLOCK held");
    }

    /// @dev Σ paid ≤ pool, by books of the test's own: what came in less what went out is what is left, never negative.
    function invariant_aPoolPaysOnlyWhatCameIn() public view {
        for (uint256 at; at < play.taskCount(); ++at) {
            bytes16 task = play.tasks(at);
            (uint256 poolFlock, uint256 poolGm,) = play.poolOf(task);
            same(poolFlock + play.flockOut(task), play.flockIn(task), "FLOCK");
            same(poolGm + play.gmOut(task), play.gmIn(task), "gmFLOCK");
        }
    }

    function invariant_roundsAreSettledOnceAndInOrder() public view {
        for (uint256 at; at < play.taskCount(); ++at) {
            (,, uint256 round) = play.poolOf(play.tasks(at));
            same(round, play.settled(play.tasks(at)), "round");
        }
    }
}
