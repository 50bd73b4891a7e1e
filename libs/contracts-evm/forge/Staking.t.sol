// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TaskStaking} from "../contracts/TaskStaking.sol";
import {PausableIntake} from "../contracts/lib/PausableIntake.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {Fixture} from "./Fixture.sol";

contract StakingTest is Fixture {
    address private constant A = address(0xA);
    StakeBook.Role private constant NODE = StakeBook.Role.Node;

    function setUp() public {
        deploy();
        giveGm(A, 1000e18);
        staking.openTask(TASK, uint64(GENESIS + 50 days));
        staking.openTask(OTHER_TASK, uint64(GENESIS + 60 days));
    }

    function testFuzz_stakesAddUp(uint128 first, uint128 second, uint128 third) public {
        (first, second, third) =
            (uint128(bound(first, 1, 300e18)), uint128(bound(second, 1, 300e18)), uint128(bound(third, 1, 300e18)));
        stakeAs(A, TASK, NODE, first);
        stakeAs(A, TASK, NODE, second);
        stakeAs(A, OTHER_TASK, StakeBook.Role.Validator, third);
        stakeAs(A, TASK, StakeBook.Role.Participant, 5);
        same(staking.stakeOf(TASK, NODE, A), uint256(first) + second, "stake");
        same(staking.totalOf(TASK, NODE), uint256(first) + second, "total of the role");
        same(staking.ownTotal(A), uint256(first) + second + third, "federated stakes divide no pool");
        same(staking.grandTotal(), uint256(first) + second + third + 5, "grand total");
        same(gm.balanceOf(address(staking)), staking.grandTotal(), "held");
        same(staking.stakeCount(A), 3, "places");
    }

    function test_stakesThatAreRefused() public {
        vm.startPrank(A);
        vm.expectRevert(TaskStaking.ZeroStake.selector);
        staking.stake(TASK, NODE, 0);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskNotOpen.selector, bytes16(uint128(9))));
        staking.stake(bytes16(uint128(9)), NODE, 1);
        staking.stake(TASK, NODE, 1);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.OtherRoleTaken.selector, TASK, A, NODE));
        staking.stake(TASK, StakeBook.Role.Validator, 1);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskNotFinished.selector, TASK));
        staking.withdraw(TASK, NODE);
        vm.stopPrank();
        staking.setIntakePaused(true);
        vm.prank(A);
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        staking.stake(TASK, NODE, 1);
        same(staking.grandTotal(), 1, "unchanged");
    }

    function test_theNumberOfStakesIsBounded() public {
        for (uint128 index; index < 256; ++index) {
            bytes16 task = bytes16(1000 + index);
            staking.openTask(task, uint64(GENESIS + 1));
            stakeAs(A, task, NODE, 1);
        }
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(StakeBook.TooManyStakes.selector, A));
        staking.stake(TASK, NODE, 1);
        stakeAs(A, bytes16(uint128(1000)), NODE, 1);
        yes(staking.nearTaskEnd(A, 1), "all ends are looked at");
    }

    // -- leaving --------------------------------------------------------------------------------------------------------------

    function test_unbondingRunsTenDaysFromTheEndOfFinalValidation() public {
        stakeAs(A, TASK, NODE, 100);
        vm.warp(GENESIS + 10 days);
        staking.endFinalValidation(TASK);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskNotOpen.selector, TASK));
        staking.stake(TASK, NODE, 1);
        vm.warp(GENESIS + 17 days);
        rewards.fixVesting(TASK, uint40(block.timestamp), 30 days);
        staking.finishTask(TASK);
        vm.warp(GENESIS + 20 days - 1);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.Unbonding.selector, TASK, GENESIS + 20 days));
        staking.withdraw(TASK, NODE);
        vm.warp(GENESIS + 20 days);
        vm.prank(A);
        same(staking.withdraw(TASK, NODE), 100, "whole");
        vm.prank(A);
        vm.expectPartialRevert(NothingStakedSelector());
        staking.withdraw(TASK, NODE);
        same(staking.stakeCount(A), 0, "no place");
        same(gm.balanceOf(A), 1000e18, "all back");
    }

    function NothingStakedSelector() private pure returns (bytes4) {
        return bytes4(keccak256("NothingStaked(bytes16,uint8,address)"));
    }

    function test_finding_aTaskDoesNotFinishBeforeItsFinalReward() public {
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.FinalRewardPending.selector, TASK));
        staking.finishTask(TASK);
        same(uint256(staking.taskOf(TASK).status), uint256(StakeBook.Status.Open), "open");
        staking.endFinalValidation(TASK);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskNotOpen.selector, TASK));
        staking.cancelTask(TASK);
    }

    function test_aCancelledTaskGivesStakesBackAfterTheirUnbonding() public {
        stakeAs(A, TASK, NODE, 100);
        staking.cancelTask(TASK);
        vm.warp(GENESIS + 10 days);
        vm.prank(A);
        same(staking.withdraw(TASK, NODE), 100, "whole");
    }

    function test_anyoneReleasesWhatTheOperatorLeftOpen() public {
        stakeAs(A, TASK, NODE, 100);
        uint256 from = GENESIS + 80 days;
        vm.warp(from - 1);
        vm.startPrank(A);
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.ReleaseTooEarly.selector, TASK, from));
        staking.releaseTask(TASK);
        vm.warp(from);
        staking.releaseTask(TASK);
        same(staking.withdraw(TASK, NODE), 100, "whole");
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskNotOpen.selector, TASK));
        staking.releaseTask(TASK);
    }

    function test_onlyTheOperatorOpensEndsAndFinishes() public {
        bytes memory refused = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, A, staking.OPERATOR_ROLE()
        );
        vm.startPrank(A);
        vm.expectRevert(refused);
        staking.openTask(bytes16(uint128(9)), uint64(GENESIS + 1));
        vm.expectRevert(refused);
        staking.endFinalValidation(TASK);
        vm.expectRevert(refused);
        staking.finishTask(TASK);
        vm.expectRevert(refused);
        staking.cancelTask(TASK);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.TaskAlreadyOpened.selector, TASK));
        staking.openTask(TASK, uint64(GENESIS + 1));
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.InvalidLatestEnd.selector, uint64(GENESIS - 1)));
        staking.openTask(bytes16(uint128(9)), uint64(GENESIS - 1));
        vm.expectRevert(abi.encodeWithSelector(TaskStaking.InvalidLatestEnd.selector, type(uint64).max));
        staking.openTask(bytes16(uint128(9)), type(uint64).max);
    }
}
