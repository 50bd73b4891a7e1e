// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationTask} from "../contracts/FederationTask.sol";
import {PausableIntake} from "../contracts/lib/PausableIntake.sol";
import {Fixture} from "./Fixture.sol";

contract FederationTest is Fixture {
    address private constant SPONSOR = address(0x5905);
    address private constant P1 = address(0x11);
    address private constant P2 = address(0x12);
    address private constant V1 = address(0x21);
    address private constant V2 = address(0x22);
    address private constant V3 = address(0x23);
    address private constant STRANGER = address(0x99);

    /// @dev The first golden round of federation: pool 1000, ten rounds, stakes 100, 200, 100, 300, 100, rate 10 %.
    function setUp() public {
        deploy();
        federation.createTask(TASK, FederationTask.Terms(SPONSOR, uint64(GENESIS + 50 days), 10, 1000, 50e18));
        flock.mint(SPONSOR, 1000e18);
        vm.startPrank(SPONSOR);
        flock.approve(address(federation), 1000e18);
        federation.fund(TASK, 1000e18);
        vm.stopPrank();
        _join(P1, 100e18);
        _join(P2, 200e18);
        _join(V1, 100e18);
        _join(V2, 300e18);
        _join(V3, 100e18);
        federation.openRound(TASK, 0);
    }

    function _join(address who, uint128 amount) private {
        giveGm(who, amount);
        vm.prank(who);
        federation.join(TASK, amount);
    }

    function _slashes(address wallet, uint128 amount) private pure returns (FederationTask.SlashOf[] memory list) {
        list = new FederationTask.SlashOf[](1);
        list[0] = FederationTask.SlashOf(wallet, amount);
    }

    function _pays(address wallet, uint128 flockAmount, uint128 gmAmount) private pure returns (FederationTask.PayTo[] memory list) {
        list = new FederationTask.PayTo[](1);
        list[0] = FederationTask.PayTo(wallet, flockAmount, gmAmount);
    }

    function _settle(uint16 round, address caller, FederationTask.SlashOf[] memory slashes, FederationTask.PayTo[] memory pays) private {
        federation.settle(TASK, round, caller, slashes, pays);
    }

    /// @dev 100.9 of both kinds together over a good stake of 700: FLOCK 100 and gmFLOCK 0.9, by the same weights.
    function test_goldenRound() public {
        FederationTask.PayTo[] memory pays = new FederationTask.PayTo[](4);
        pays[0] = FederationTask.PayTo(P1, 14.285714285714285715e18, 0.128571428571428572e18);
        pays[1] = FederationTask.PayTo(P2, 28.571428571428571428e18, 0.257142857142857143e18);
        pays[2] = FederationTask.PayTo(V1, 14.285714285714285714e18, 0.128571428571428571e18);
        pays[3] = FederationTask.PayTo(V2, 42.857142857142857143e18, 0.385714285714285714e18);
        _settle(0, V1, _slashes(V3, 10e18), pays);
        FederationTask.State memory state = federation.stateOf(TASK);
        same(state.poolFlock + state.poolGm, 908.1e18, "pool left");
        same(federation.owedGm(V1), 1.128571428571428571e18, "caller's tenth and its pay");
        same(federation.memberOf(TASK, V3).stake, 90e18, "slashed");
        same(state.round, 1, "next");
        same(federation.totalGm(), gm.balanceOf(address(federation)), "held");
        vm.prank(V1);
        federation.take();
        same(flock.balanceOf(V1), 14.285714285714285714e18, "taken");
        vm.prank(V1);
        vm.expectRevert(FederationTask.Nothing.selector);
        federation.take();
    }

    function test_settlementsThatAreRefused() public {
        FederationTask.SlashOf[] memory none = new FederationTask.SlashOf[](0);
        FederationTask.PayTo[] memory nobody = new FederationTask.PayTo[](0);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.WrongRound.selector, TASK, 1, 0));
        _settle(1, address(0), none, nobody);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.SlashTooHigh.selector, V3, 10e18 + 1, 10e18));
        _settle(0, address(0), _slashes(V3, 10e18 + 1), nobody);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidRecipient.selector, TASK, STRANGER));
        _settle(0, address(0), none, _pays(STRANGER, 1, 0));
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidRecipient.selector, TASK, STRANGER));
        _settle(0, STRANGER, none, nobody);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidRecipient.selector, TASK, STRANGER));
        _settle(0, address(0), _slashes(STRANGER, 0), nobody);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.PoolTooSmall.selector, 1000e18 + 1, 0, 1000e18, 0));
        _settle(0, address(0), none, _pays(V1, 1000e18 + 1, 0));
        vm.expectRevert(abi.encodeWithSelector(FederationTask.PoolTooSmall.selector, 0, 1, 1000e18, 0));
        _settle(0, address(0), none, _pays(V1, 0, 1));
        _settle(0, address(0), none, nobody);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.WrongRound.selector, TASK, 0, 1));
        _settle(0, address(0), none, nobody);
        same(federation.stateOf(TASK).poolFlock, 1000e18, "unchanged");
    }

    function test_finding_nobodyIsNamedTwice() public {
        FederationTask.SlashOf[] memory twice = new FederationTask.SlashOf[](2);
        (twice[0], twice[1]) = (FederationTask.SlashOf(V3, 10e18), FederationTask.SlashOf(V3, 10e18));
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidRecipient.selector, TASK, V3));
        _settle(0, address(0), twice, new FederationTask.PayTo[](0));
    }

    function test_finding_stakeAddedDuringARoundIsNotThatRounds() public {
        _join(V3, 900e18);
        same(federation.roundStakeOf(TASK, V3), 100e18, "as it was");
        vm.expectRevert(abi.encodeWithSelector(FederationTask.SlashTooHigh.selector, V3, 10e18 + 1, 10e18));
        _settle(0, address(0), _slashes(V3, 10e18 + 1), new FederationTask.PayTo[](0));
        _settle(0, address(0), _slashes(V3, 10e18), new FederationTask.PayTo[](0));
        federation.openRound(TASK, 1);
        same(federation.roundStakeOf(TASK, V3), 990e18, "counts from the next on");
    }

    function test_finding_aTaskDoesNotFinishBeforeItsLastRound() public {
        vm.expectRevert(abi.encodeWithSelector(FederationTask.RoundsPending.selector, TASK, 0, 10));
        federation.finish(TASK);
        for (uint16 round; round < 10; ++round) {
            if (round > 0) federation.openRound(TASK, round);
            _settle(round, address(0), _slashes(V3, 1e18), new FederationTask.PayTo[](0));
        }
        vm.expectRevert(abi.encodeWithSelector(FederationTask.WrongRound.selector, TASK, 10, 10));
        federation.openRound(TASK, 10);
        vm.prank(V3);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.StakeBound.selector, TASK, V3));
        federation.withdraw(TASK);
        federation.finish(TASK);
        same(federation.owedFlock(SPONSOR), 1000e18, "what is left is the sponsor's");
        same(federation.owedGm(SPONSOR), 10e18, "of both kinds");
        vm.prank(V3);
        same(federation.withdraw(TASK), 90e18, "stake");
        vm.prank(V3);
        vm.expectRevert(FederationTask.Nothing.selector);
        federation.withdraw(TASK);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.TaskNotRunning.selector, TASK));
        federation.finish(TASK);
    }

    function test_whoFallsBelowTheThresholdIsOutBetweenRounds() public {
        _join(STRANGER, 50e18);
        _settle(0, address(0), new FederationTask.SlashOf[](0), new FederationTask.PayTo[](0));
        federation.openRound(TASK, 1);
        _settle(1, address(0), _slashes(STRANGER, 5e18), new FederationTask.PayTo[](0));
        federation.openRound(TASK, 2);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.StakeBound.selector, TASK, STRANGER));
        federation.withdraw(TASK);
        _settle(2, address(0), new FederationTask.SlashOf[](0), new FederationTask.PayTo[](0));
        vm.prank(STRANGER);
        same(federation.withdraw(TASK), 45e18, "the rest");
        federation.openRound(TASK, 3);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidRecipient.selector, TASK, STRANGER));
        _settle(3, address(0), new FederationTask.SlashOf[](0), _pays(STRANGER, 1, 0));
    }

    function test_joinsThatAreRefused() public {
        giveGm(STRANGER, 100e18);
        vm.startPrank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.BelowThreshold.selector, 50e18 - 1, 50e18));
        federation.join(TASK, 50e18 - 1);
        vm.expectRevert(FederationTask.Nothing.selector);
        federation.join(TASK, 0);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.TaskNotRunning.selector, OTHER_TASK));
        federation.join(OTHER_TASK, 50e18);
        vm.expectRevert(FederationTask.Nothing.selector);
        federation.fund(TASK, 0);
        vm.stopPrank();
        federation.setIntakePaused(true);
        vm.prank(STRANGER);
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        federation.join(TASK, 50e18);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidTask.selector, TASK));
        federation.createTask(TASK, FederationTask.Terms(SPONSOR, uint64(GENESIS + 1), 1, 1, 1));
        vm.expectRevert(abi.encodeWithSelector(FederationTask.InvalidTask.selector, OTHER_TASK));
        federation.createTask(OTHER_TASK, FederationTask.Terms(SPONSOR, uint64(GENESIS + 1), 1, 10_001, 1));
    }

    function test_anyoneReleasesWhatTheOperatorLeftOpen() public {
        uint256 from = GENESIS + 80 days;
        vm.warp(from - 1);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.ReleaseTooEarly.selector, TASK, from));
        federation.release(TASK);
        vm.warp(from);
        vm.prank(STRANGER);
        federation.release(TASK);
        vm.prank(P1);
        same(federation.withdraw(TASK), 100e18, "stake");
    }
}
