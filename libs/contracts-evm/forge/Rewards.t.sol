// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {DelegationPool} from "../contracts/DelegationPool.sol";
import {Rewards} from "../contracts/Rewards.sol";
import {Trees} from "./Trees.sol";

contract RewardsTest is Trees {
    address private constant OWNER = address(0x0111);
    address private constant A = address(0xA);
    address private constant B = address(0xB);
    bytes32 private constant STREAM = bytes32(TASK);
    uint256 private constant FUNDED = 309_157_675932627700866861;

    function setUp() public {
        deploy();
        goTo(1);
        emission.mint(0);
    }

    /// @dev Posts the root of two grants for `epoch` and waits until it pays.
    function _post(uint256 epoch, Rewards.Grant memory left, Rewards.Grant memory right) private {
        rewards.postRoot(epoch, rootOfTwo(rewards, left, right), uint128(left.total + right.total));
        vm.warp(block.timestamp + DAY);
    }

    function _claim(uint256 epoch, Rewards.Grant memory grant, Rewards.Grant memory sibling) private returns (uint256) {
        return rewards.claim(epoch, grant, proofBy(rewards, sibling));
    }

    function _refuse(bytes memory refusal, uint256 epoch, Rewards.Grant memory grant, Rewards.Grant memory sibling) private {
        bytes32[] memory proof = proofBy(rewards, sibling);
        uint256 paidBefore = rewards.totalPaid();
        vm.expectRevert(refusal);
        rewards.claim(epoch, grant, proof);
        same(rewards.totalPaid(), paidBefore, "unchanged");
    }

    function _nothing(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Rewards.NothingToClaim.selector, account, bytes32(0));
    }

    // -- claims ---------------------------------------------------------------------------------------------------------------

    function test_anyoneClaimsForAnyoneOnceLessTheFee() public {
        (Rewards.Grant memory a, Rewards.Grant memory b) = (atOnce(A, 100e18), atOnce(B, 50e18));
        _post(0, a, b);
        vm.prank(B);
        same(_claim(0, a, b), 100e18, "paid");
        same(flock.balanceOf(A), 92e18, "less 8 %");
        same(flock.balanceOf(TREASURY), 8e18, "fee");
        _refuse(_nothing(A), 0, a, b);
    }

    function test_finding_everyRootStaysClaimableAndNoneOfThemPaysTwice() public {
        (Rewards.Grant memory a0, Rewards.Grant memory b0) = (atOnce(A, 100e18), atOnce(B, 50e18));
        (Rewards.Grant memory a1, Rewards.Grant memory b1) = (atOnce(A, 130e18), atOnce(B, 20e18));
        _post(0, a0, b0);
        goTo(3);
        rewards.postRoot(1, rootOfTwo(rewards, a1, b1), 180e18);
        vm.warp(block.timestamp + DAY);
        same(_claim(1, a1, b1), 130e18, "the newer one");
        _refuse(_nothing(A), 0, a0, b0);
        same(_claim(1, b1, a1), 20e18, "the newer one grants less");
        same(_claim(0, b0, a0), 30e18, "the older one still grants the rest");
    }

    function test_proofsThatAreRefused() public {
        (Rewards.Grant memory a, Rewards.Grant memory b) = (atOnce(A, 100e18), atOnce(B, 50e18));
        _post(0, a, b);
        bytes memory refused = abi.encodeWithSelector(Rewards.InvalidProof.selector, 0, B);
        _refuse(refused, 0, atOnce(B, 100e18), b);
        _refuse(abi.encodeWithSelector(Rewards.InvalidProof.selector, 0, A), 0, atOnce(A, 101e18), b);
        _refuse(abi.encodeWithSelector(Rewards.InvalidProof.selector, 0, A), 0, a, a);
        _refuse(abi.encodeWithSelector(Rewards.RootNotActive.selector, 1), 1, a, b);
        vm.chainId(1);
        _refuse(abi.encodeWithSelector(Rewards.InvalidProof.selector, 0, A), 0, a, b);
        vm.chainId(31337);
        same(_claim(0, a, b), 100e18, "on its own chain");
    }

    function test_aLeafOfAnotherContractIsRefused() public {
        giveGm(B, 100e18);
        vm.prank(B);
        gm.approve(address(slashedRewards), 100e18);
        vm.prank(B);
        slashedRewards.fund(100e18);
        Rewards.Grant memory a = atOnce(A, 100e18);
        bytes32 here = rewards.leafOf(a);
        slashedRewards.postRoot(0, here, 100e18);
        vm.warp(block.timestamp + DAY);
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidProof.selector, 0, A));
        slashedRewards.claim(0, a, emptyProof());
        rewards.postRoot(0, here, 100e18);
        vm.warp(block.timestamp + DAY);
        same(rewards.claim(0, a, emptyProof()), 100e18, "at home");
    }

    function test_slashedGmFlockIsPaidByARootOfItsOwnWithoutFee() public {
        giveGm(B, 100e18);
        vm.startPrank(B);
        gm.approve(address(slashedRewards), 100e18);
        slashedRewards.fund(100e18);
        vm.stopPrank();
        Rewards.Grant memory a = atOnce(A, 40e18);
        slashedRewards.postRoot(0, slashedRewards.leafOf(a), 40e18);
        vm.warp(block.timestamp + DAY);
        slashedRewards.claim(0, a, emptyProof());
        same(gm.balanceOf(A), 40e18, "whole");
    }

    function test_aFinalRewardVestsAsItWasFixedForItsTask() public {
        uint256 start = block.timestamp + 5 days;
        Rewards.Grant memory a = Rewards.Grant(A, STREAM, 900e18, start, 30 days);
        Rewards.Grant memory b = atOnce(B, 1e18);
        _post(0, a, b);
        bytes memory wrong = abi.encodeWithSelector(Rewards.WrongVesting.selector, STREAM);
        _refuse(wrong, 0, a, b);
        rewards.fixVesting(TASK, uint40(start), 30 days);
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidVesting.selector, TASK));
        rewards.fixVesting(TASK, uint40(start), 0);
        _refuse(abi.encodeWithSelector(Rewards.NothingToClaim.selector, A, STREAM), 0, a, b);
        vm.warp(start + 10 days);
        same(_claim(0, a, b), 300e18, "a third");
        vm.warp(start + 45 days);
        same(_claim(0, a, b), 600e18, "the rest");
        same(rewards.paid(A, STREAM), 900e18, "all of it");
    }

    function test_vestingsThatAreRefused() public {
        rewards.fixVesting(TASK, 5, 6);
        (Rewards.Grant memory a, Rewards.Grant memory b) =
            (Rewards.Grant(A, STREAM, 9e18, 5, 7), Rewards.Grant(B, 0, 9e18, 1, 0));
        _post(0, a, b);
        _refuse(abi.encodeWithSelector(Rewards.WrongVesting.selector, STREAM), 0, a, b);
        _refuse(abi.encodeWithSelector(Rewards.WrongVesting.selector, bytes32(0)), 0, b, a);
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidVesting.selector, OTHER_TASK));
        rewards.fixVesting(OTHER_TASK, 0, 3650 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidVesting.selector, bytes16(0)));
        rewards.fixVesting(0, 0, 0);
        // A stream whose first half names the task and whose second half names nothing is not the task's.
        Rewards.Grant memory forged = Rewards.Grant(A, STREAM | bytes32(uint256(1)), 9e18, 5, 6);
        goTo(5);
        _post(1, forged, a);
        _refuse(abi.encodeWithSelector(Rewards.WrongVesting.selector, forged.stream), 1, forged, a);
    }

    // -- roots ----------------------------------------------------------------------------------------------------------------

    function test_rootsThatAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidRootEpoch.selector, 1, 0, 1));
        rewards.postRoot(1, bytes32("root"), 1);
        vm.expectRevert(Rewards.Empty.selector);
        rewards.postRoot(0, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(Rewards.SumAboveFunded.selector, FUNDED + 1, FUNDED));
        rewards.postRoot(0, bytes32("root"), uint128(FUNDED + 1));
        rewards.postRoot(0, bytes32("root"), uint128(FUNDED));
        vm.expectRevert(abi.encodeWithSelector(Rewards.InvalidRootEpoch.selector, 0, 1, 1));
        rewards.postRoot(0, bytes32("other"), 1);
        vm.prank(A);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, A, keccak256("REWARD_OPERATOR_ROLE")
            )
        );
        rewards.postRoot(0, bytes32("root"), 1);
    }

    function test_aRootWaitsOneEpochInWhichItCanBeVetoedAndReplaced() public {
        (Rewards.Grant memory a, Rewards.Grant memory b) = (atOnce(A, 100e18), atOnce(B, 50e18));
        rewards.postRoot(0, rootOfTwo(rewards, a, b), 150e18);
        vm.warp(block.timestamp + DAY - 1);
        _refuse(abi.encodeWithSelector(Rewards.RootNotActive.selector, 0), 0, a, b);
        rewards.vetoRoot(0);
        vm.warp(block.timestamp + 1);
        _refuse(abi.encodeWithSelector(Rewards.RootNotActive.selector, 0), 0, a, b);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NotVetoable.selector, 0));
        rewards.vetoRoot(0);
        rewards.postRoot(0, rootOfTwo(rewards, b, a), 150e18);
        vm.warp(block.timestamp + DAY);
        vm.expectRevert(abi.encodeWithSelector(Rewards.NotVetoable.selector, 0));
        rewards.vetoRoot(0);
        same(_claim(0, a, b), 100e18, "the replacement pays");
    }

    function test_finding_rootsThatPromiseMoreThanTheirSumPayOnlyTheSum() public {
        (Rewards.Grant memory a, Rewards.Grant memory b) = (atOnce(A, 100e18), atOnce(B, 51e18));
        rewards.postRoot(0, rootOfTwo(rewards, a, b), 150e18);
        vm.warp(block.timestamp + DAY);
        _claim(0, a, b);
        _refuse(abi.encodeWithSelector(Rewards.AboveSum.selector, 51e18, 50e18), 0, b, a);
    }

    // -- pools ----------------------------------------------------------------------------------------------------------------

    function _delegated(uint256 amount) private returns (DelegationPool pool) {
        pool = poolFor(OWNER, 0);
        giveGm(B, amount);
        delegateAs(B, pool, amount);
        goTo(2);
        fundPool(pool, 1, 0);
    }

    function test_aClaimForAPoolFundsIt() public {
        DelegationPool pool = _delegated(10e18);
        goTo(3);
        (Rewards.Grant memory p, Rewards.Grant memory a) = (atOnce(address(pool), 40e18), atOnce(A, 1e18));
        _post(2, p, a);
        same(_claim(2, p, a), 40e18, "paid");
        same(pool.claimable(B), 40e18, "without a fee yet");
        _refuse(abi.encodeWithSelector(DelegationPool.FundingOutOfOrder.selector, 2, 3), 2, p, a);
        goTo(5);
        _post(3, p, a);
        same(_claim(3, p, a), 0, "a pool is funded with nothing, too");
        same(pool.nextFunding(), 4, "funded");
    }

    function test_whereNobodyDelegatesTheOwnerIsPaid() public {
        DelegationPool pool = poolFor(OWNER, 0);
        goTo(2);
        (Rewards.Grant memory p, Rewards.Grant memory a) = (atOnce(address(pool), 40e18), atOnce(A, 1e18));
        _post(1, p, a);
        _claim(1, p, a);
        same(flock.balanceOf(OWNER), (40e18 * 92) / 100, "the owner, less its fee");
        same(flock.balanceOf(address(pool)), 0, "nothing is stranded in the pool");
    }

    function test_aPoolHasNoVestingStream() public {
        DelegationPool pool = poolFor(OWNER, 0);
        rewards.fixVesting(TASK, 0, 0);
        Rewards.Grant memory p = Rewards.Grant(address(pool), STREAM, 9e18, 0, 0);
        _post(0, p, atOnce(A, 1e18));
        _refuse(abi.encodeWithSelector(Rewards.NotForPools.selector, address(pool), STREAM), 0, p, atOnce(A, 1e18));
    }

    function test_fundingOfNothingIsRefused() public {
        vm.expectRevert(Rewards.Empty.selector);
        rewards.fund(0);
    }

    function testFuzz_vestingNeverFallsAndEndsWithTheWhole(uint128 total, uint40 duration, uint40 first, uint40 second) public view {
        if (first > second) (first, second) = (second, first);
        uint256 earlier = rewards.vestedAt(total, 100, duration, first);
        yes(earlier <= rewards.vestedAt(total, 100, duration, second), "monotone");
        same(rewards.vestedAt(total, 100, duration, 100 + uint256(duration)), total, "whole");
    }
}
