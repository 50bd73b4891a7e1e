// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {DelegationPool} from "../contracts/DelegationPool.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {StakeCases} from "../contracts/lib/StakeCases.sol";
import {Fixture} from "./Fixture.sol";

contract CasesTest is Fixture {
    address private constant OWNER = address(0x0111);
    address private constant A = address(0xA);
    address private constant B = address(0xB);
    address private constant REPORTER = address(0xCA11);
    bytes32 private constant CASE = bytes32("case 1");
    StakeBook.Role private constant NODE = StakeBook.Role.Node;
    DelegationPool private pool;

    /// @dev The owner's 100 on this task and 100 on another share a pool of 400: 200 of it counts here.
    function setUp() public {
        deploy();
        giveGm(OWNER, 1000e18);
        giveGm(A, 1000e18);
        giveGm(B, 1000e18);
        staking.openTask(TASK, uint64(GENESIS + 50 days));
        staking.openTask(OTHER_TASK, uint64(GENESIS + 50 days));
        stakeAs(OWNER, TASK, NODE, 100e18);
        stakeAs(OWNER, OTHER_TASK, StakeBook.Role.Validator, 100e18);
        pool = poolFor(OWNER, 0);
        delegateAs(A, pool, 300e18);
        delegateAs(B, pool, 100e18);
        goTo(3);
    }

    function _open(bytes32 id, uint128 cap) private {
        staking.openCase(id, TASK, NODE, OWNER, REPORTER, cap, bytes32("evidence"));
    }

    // -- weight ---------------------------------------------------------------------------------------------------------------

    function test_aPoolCountsOnceOverAllOfItsOwnersTasksUpToTheCap() public {
        same(staking.countedOf(TASK, NODE, OWNER), 300e18, "100 own and half of 400");
        same(staking.countedOf(OTHER_TASK, StakeBook.Role.Validator, OWNER), 300e18, "the other half");
        goTo(4);
        delegateAs(B, pool, 600e18);
        goTo(7);
        same(staking.countedOf(TASK, NODE, OWNER), 400e18, "at most three times the own stake");
        stakeAs(OWNER, TASK, StakeBook.Role.Participant, 50e18);
        same(staking.countedOf(TASK, StakeBook.Role.Participant, OWNER), 50e18, "federated: own stake only");
        same(staking.countedOf(TASK, NODE, A), 0, "no stake, no weight");
    }

    // -- slashes --------------------------------------------------------------------------------------------------------------

    function test_aSlashIsBorneByOwnerAndDelegatorsByWeightAndATenthGoesToTheReporter() public {
        _open(CASE, 30e18);
        vm.warp(block.timestamp + 7 days);
        staking.slash(CASE, 30e18);
        same(staking.stakeOf(TASK, NODE, OWNER), 90e18, "a third is the owner's");
        same(pool.total(), 380e18, "two thirds are the pool's");
        same(pool.delegationOf(A), 285e18, "A, pro rata");
        same(pool.delegationOf(B), 95e18, "B, pro rata");
        same(gm.balanceOf(REPORTER), 3e18, "reporter");
        same(gm.balanceOf(address(slashedRewards)), 27e18, "the tasks' pool");
        same(slashedRewards.totalFunded(), 27e18, "counted there");
        same(staking.ownTotal(OWNER), 190e18, "own total");
        same(staking.grandTotal(), 190e18, "grand total");
        same(gm.balanceOf(address(staking)), 190e18, "nothing is stranded");
    }

    function test_slashesThatAreRefused() public {
        _open(CASE, 30e18);
        uint256 until = block.timestamp + 7 days;
        vm.expectRevert(abi.encodeWithSelector(StakeCases.AppealOpen.selector, CASE, until));
        staking.slash(CASE, 1);
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.AboveCap.selector, CASE, 30e18 + 1, 30e18));
        staking.slash(CASE, 30e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.AboveCap.selector, CASE, 0, 30e18));
        staking.slash(CASE, 0);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.CaseNotOpen.selector, bytes32("unknown")));
        staking.slash(bytes32("unknown"), 1);
        vm.prank(A);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, A, keccak256("CASE_ROLE")
            )
        );
        staking.slash(CASE, 1);
        same(staking.stakeOf(TASK, NODE, OWNER), 100e18, "unchanged");
        staking.slash(CASE, 1e18);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.CaseNotOpen.selector, CASE));
        staking.slash(CASE, 1e18);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.CaseExists.selector, CASE));
        _open(CASE, 1);
    }

    function test_casesThatAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(StakeCases.InvalidCap.selector, 300e18 + 1, 300e18));
        _open(CASE, 300e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.InvalidCap.selector, 0, 300e18));
        _open(CASE, 0);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.ReporterIsAccused.selector, OWNER));
        staking.openCase(CASE, TASK, NODE, OWNER, OWNER, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.NothingStaked.selector, TASK, NODE, A));
        staking.openCase(CASE, TASK, NODE, A, REPORTER, 1, 0);
        for (uint256 index; index < 16; ++index) {
            _open(bytes32(index + 1), 1);
        }
        vm.expectRevert(abi.encodeWithSelector(StakeCases.TooManyCases.selector, OWNER));
        _open(CASE, 1);
        vm.warp(block.timestamp + 30 days);
        _open(CASE, 1);
    }

    function test_aStakeStaysSlashableWhileItUnbondsAndNotAfterwards() public {
        rewards.fixVesting(TASK, 0, 0);
        staking.finishTask(TASK);
        uint256 unlocks = block.timestamp + 10 days;
        vm.warp(unlocks - 1);
        _open(CASE, 30e18);
        vm.warp(unlocks);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.StakeFrozen.selector, TASK, NODE, OWNER));
        staking.withdraw(TASK, NODE);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.StakeUnbonded.selector, TASK, NODE, OWNER));
        _open(bytes32("case 2"), 1);
        vm.warp(unlocks + 7 days);
        staking.slash(CASE, 30e18);
        vm.prank(OWNER);
        same(staking.withdraw(TASK, NODE), 90e18, "the rest leaves at once");
    }

    function test_finding_noCaseFreezesForEver() public {
        rewards.fixVesting(TASK, 0, 0);
        staking.finishTask(TASK);
        vm.warp(block.timestamp + 10 days - 1);
        _open(CASE, 30e18);
        vm.prank(A);
        uint256 exitId = pool.undelegate(300e18);
        vm.warp(block.timestamp + 30 days - 1);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.CaseIsOpen.selector, OWNER));
        pool.withdraw(exitId);
        vm.warp(block.timestamp + 1);
        yes(staking.caseOf(CASE).status == StakeCases.CaseStatus.Dismissed, "by time");
        vm.expectRevert(abi.encodeWithSelector(StakeCases.CaseNotOpen.selector, CASE));
        staking.slash(CASE, 1);
        vm.prank(A);
        same(pool.withdraw(exitId), 300e18, "exit");
        vm.prank(OWNER);
        same(staking.withdraw(TASK, NODE), 100e18, "stake");
    }

    function test_finding_whoLeavesBetweenNoticeAndSlashBearsItsPart() public {
        _open(CASE, 30e18);
        vm.prank(A);
        uint256 exitId = pool.undelegate(300e18);
        vm.warp(block.timestamp + 10 days);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.CaseIsOpen.selector, OWNER));
        pool.withdraw(exitId);
        vm.prank(B);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.CaseIsOpen.selector, OWNER));
        pool.delegate(1e18);
        staking.slash(CASE, 30e18);
        vm.prank(A);
        same(pool.withdraw(exitId), 285e18, "A lost its part");
        same(pool.delegationOf(B), 95e18, "B no more than its own");
    }

    function test_aDismissedCaseFreesAndCannotSlash() public {
        _open(CASE, 30e18);
        yes(staking.hasOpenCase(OWNER), "open");
        staking.dismissCase(CASE);
        yes(!staking.hasOpenCase(OWNER), "closed");
        vm.warp(block.timestamp + 7 days);
        vm.expectRevert(abi.encodeWithSelector(StakeCases.CaseNotOpen.selector, CASE));
        staking.slash(CASE, 1);
    }

    function test_casesTogetherTakeNoMoreThanThereIs() public {
        _open(CASE, 300e18);
        _open(bytes32("case 2"), 300e18);
        vm.warp(block.timestamp + 7 days);
        staking.slash(CASE, 300e18);
        same(staking.stakeOf(TASK, NODE, OWNER), 0, "all of the stake");
        same(pool.total(), 200e18, "and the pool's 200");
        staking.slash(bytes32("case 2"), 300e18);
        same(pool.total(), 0, "what was left");
        yes(pool.closed(), "closed");
        same(staking.stakeCount(OWNER), 1, "the empty place is gone");
        same(staking.stakeOf(OTHER_TASK, StakeBook.Role.Validator, OWNER), 100e18, "another task's stake is untouched");
    }

    function test_withoutAReporterAllGoesToThePool() public {
        staking.openCase(CASE, TASK, NODE, OWNER, address(0), 30e18, 0);
        vm.warp(block.timestamp + 7 days);
        staking.slash(CASE, 30e18);
        same(gm.balanceOf(address(slashedRewards)), 30e18, "all");
    }

    function testFuzz_aCaseTakesExactlyItsAmountAndRoundsAgainstTheOwner(uint128 cap, uint128 amount) public {
        cap = uint128(bound(cap, 1, 300e18));
        amount = uint128(bound(amount, 1, cap));
        _open(CASE, cap);
        vm.warp(block.timestamp + 7 days);
        staking.slash(CASE, amount);
        uint256 fromOwner = 100e18 - staking.stakeOf(TASK, NODE, OWNER);
        same(fromOwner, (uint256(amount) + 2) / 3, "a third, rounded up");
        same(fromOwner + 400e18 - pool.total(), amount, "together");
        same(gm.balanceOf(REPORTER), uint256(amount) / 10, "a tenth, rounded down");
        same(gm.balanceOf(REPORTER) + gm.balanceOf(address(slashedRewards)), amount, "nothing is lost");
    }
}
