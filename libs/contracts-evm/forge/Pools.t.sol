// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {DelegationPool} from "../contracts/DelegationPool.sol";
import {PoolManager} from "../contracts/PoolManager.sol";
import {PausableIntake} from "../contracts/lib/PausableIntake.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {Fixture} from "./Fixture.sol";

contract PoolsTest is Fixture {
    address private constant OWNER = address(0x0111);
    address private constant A = address(0xA);
    address private constant B = address(0xB);
    DelegationPool private pool;

    function setUp() public {
        deploy();
        giveGm(OWNER, 1000e18);
        giveGm(A, 10_000e18);
        giveGm(B, 10_000e18);
        staking.openTask(TASK, uint64(block.timestamp + 100 days));
        stakeAs(OWNER, TASK, StakeBook.Role.Node, 100e18);
        pool = poolFor(OWNER, 200_000);
    }

    // -- ordering -------------------------------------------------------------------------------------------------------------

    function test_finding_whoDelegatesASecondBeforeAFundTakesNothingOfIt() public {
        delegateAs(A, pool, 100e18);
        goTo(1);
        fundPool(pool, 0, 0);
        vm.warp(GENESIS + 2 * DAY - 1);
        delegateAs(B, pool, 9900e18);
        goTo(2);
        fundPool(pool, 1, 50e18);
        same(pool.claimable(A), 50e18, "A");
        same(pool.claimable(B), 0, "B");
        goTo(3);
        fundPool(pool, 2, 100e18);
        same(pool.claimable(A), 51e18, "A gets its hundredth of the next");
        same(pool.claimable(B), 99e18, "B counts from the next on");
    }

    function test_delegationsCountWithoutFundingOnceTheirTimeHasCome() public {
        delegateAs(A, pool, 100e18);
        goTo(2);
        same(pool.countedPrincipal(), 0, "not yet");
        vm.warp(GENESIS + 3 * DAY - 1);
        same(pool.countedPrincipal(), 0, "not yet by one second");
        goTo(3);
        same(pool.countedPrincipal(), 100e18, "by time");
        vm.prank(A);
        pool.undelegate(100e18);
        same(pool.countedPrincipal(), 100e18, "the exit counts until its epoch is over");
        goTo(6);
        same(pool.countedPrincipal(), 0, "and no longer");
    }

    function test_asksOfThreeEpochsWaitSideBySide() public {
        for (uint256 epoch; epoch < 5; ++epoch) {
            goTo(epoch);
            delegateAs(A, pool, 10e18);
        }
        same(pool.countedPrincipal(), 20e18, "epochs 0 and 1 count in epoch 4");
        goTo(100);
        same(pool.countedPrincipal(), 50e18, "all of them");
        same(pool.delegationOf(A), 50e18, "although nobody has touched the pool since");
        vm.prank(A);
        pool.undelegate(50e18);
        same(pool.delegationOf(A), 0, "all left");
    }

    function test_fundingComesOncePerEpochAndInOrder() public {
        delegateAs(A, pool, 10e18);
        goTo(3);
        fundPool(pool, 0, 0);
        fundPool(pool, 1, 1e18);
        _expectFunding(1, 2);
        _expectFunding(0, 2);
        _expectFunding(3, 2);
        goTo(4);
        _expectFunding(3, 2);
        goTo(5);
        fundPool(pool, 3, 0);
        same(pool.nextFunding(), 4, "an epoch that nobody funded is jumped two epochs later");
    }

    function _expectFunding(uint256 epoch, uint256 next) private {
        vm.prank(address(rewards));
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.FundingOutOfOrder.selector, epoch, next));
        pool.fund(epoch, 0);
    }

    // -- refusals -------------------------------------------------------------------------------------------------------------

    function test_aPoolWithoutDelegationsIsNotFunded() public {
        goTo(1);
        vm.prank(address(rewards));
        vm.expectRevert(DelegationPool.NoDelegation.selector);
        pool.fund(0, 1);
        same(pool.nextFunding(), 0, "unchanged");
    }

    function test_onlyItsContractsMayFundSlashAndSetUp() public {
        bytes memory refused = abi.encodeWithSelector(DelegationPool.NotAllowed.selector, address(this));
        vm.expectRevert(refused);
        pool.fund(0, 1);
        vm.expectRevert(refused);
        pool.slash(0, 1, address(this));
        vm.expectRevert(refused);
        pool.initialize(address(this));
        vm.prank(address(manager));
        vm.expectRevert(DelegationPool.AlreadyInitialized.selector);
        pool.initialize(address(this));
        vm.expectRevert(abi.encodeWithSelector(PoolManager.OnlyStakes.selector, address(this)));
        manager.slash(address(pool), 0, 1);
    }

    function test_amountsThatAreRefused() public {
        vm.startPrank(A);
        gm.approve(address(pool), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.DelegationTooSmall.selector, 0, 1e18));
        pool.delegate(0);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.DelegationTooSmall.selector, 1e18 - 1, 1e18));
        pool.delegate(1e18 - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, A, 10_000e18, 10_000e18 + 1)
        );
        pool.delegate(10_000e18 + 1);
        pool.delegate(10e18);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.CoolingDown.selector, GENESIS + DAY));
        pool.undelegate(1e18);
        vm.warp(GENESIS + 3 * DAY);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.InvalidUndelegation.selector, 10e18 + 1, 10e18));
        pool.undelegate(10e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.InvalidUndelegation.selector, 0, 10e18));
        pool.undelegate(0);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.RestTooSmall.selector, 1e18 - 1, 1e18));
        pool.undelegate(9e18 + 1);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.NothingToClaim.selector, A));
        pool.claim();
        same(pool.total(), 10e18, "unchanged");
    }

    function test_anExitIsPaidOnceToItsOwnerAfterItsTime() public {
        delegateAs(A, pool, 10e18);
        goTo(3);
        vm.prank(A);
        uint256 exitId = pool.undelegate(4e18);
        uint256 from = block.timestamp + 10 days;
        vm.warp(from - 1);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.ExitTooEarly.selector, exitId, from));
        pool.withdraw(exitId);
        vm.warp(from);
        vm.prank(B);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.NotYourExit.selector, exitId, B));
        pool.withdraw(exitId);
        vm.prank(A);
        same(pool.withdraw(exitId), 4e18, "paid");
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(DelegationPool.NotYourExit.selector, exitId, A));
        pool.withdraw(exitId);
        same(gm.balanceOf(A), 10_000e18 - 6e18, "A has the rest");
    }

    function test_aPauseStopsNewMoneyAndNoWithdrawal() public {
        delegateAs(A, pool, 10e18);
        goTo(3);
        fundPool(pool, 0, 1e18);
        fundPool(pool, 1, 1e18);
        manager.setIntakePaused(true);
        vm.startPrank(A);
        gm.approve(address(pool), 1e18);
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        pool.delegate(1e18);
        uint256 exitId = pool.undelegate(10e18);
        pool.claim();
        vm.warp(block.timestamp + 10 days);
        same(pool.withdraw(exitId), 10e18, "paid");
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        manager.createPool(0);
    }

    // -- donations, dust and closing --------------------------------------------------------------------------------------------

    function test_finding_tokensSentDirectlyChangeNoAccount() public {
        delegateAs(A, pool, 10e18);
        goTo(1);
        fundPool(pool, 0, 0);
        flock.mint(address(pool), 777e18);
        same(pool.claimable(A), 0, "no reward");
        _slash(pool, 5e18);
        same(pool.delegationOf(A), 5e18, "half of what is tracked");
    }

    function test_finding_noCrumbOfAShareStaysBehindToEarnWithoutBound() public {
        delegateAs(A, pool, 3e18);
        goTo(3);
        _slash(pool, 1e18);
        uint256 all = pool.delegationOf(A);
        vm.prank(A);
        pool.undelegate(all);
        goTo(6);
        same(pool.countedShares(), 0, "no share is left");
        delegateAs(B, pool, 5e18);
        goTo(9);
        same(pool.countedPrincipal() + 1, 5e18, "rounded down by at most one unit");
    }

    function test_aPoolThatASlashAllButEmptiedIsClosedForGood() public {
        delegateAs(A, pool, 10e18);
        goTo(1);
        fundPool(pool, 0, 0);
        goTo(2);
        fundPool(pool, 1, 8e18);
        _slash(pool, 10e18);
        yes(pool.closed(), "closed");
        vm.startPrank(A);
        gm.approve(address(pool), 1e18);
        vm.expectRevert(DelegationPool.PoolIsClosed.selector);
        pool.delegate(1e18);
        vm.stopPrank();
        goTo(3);
        vm.prank(address(rewards));
        vm.expectRevert(DelegationPool.PoolIsClosed.selector);
        pool.fund(2, 1);
        vm.prank(A);
        same(pool.claim(), 8e18 - (8e18 * 1450) / 10_000, "what was earned stays");
        address second = address(poolFor(OWNER, 1));
        same(manager.poolOf(OWNER), second, "another pool");
        same(manager.ownerOf(address(pool)), OWNER, "the first is still the owner's");
    }

    function test_anOwnerHasOnePool() public {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.PoolExists.selector, OWNER, address(pool)));
        manager.createPool(0);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaTooHigh.selector, 1_000_001));
        manager.createPool(1_000_001);
    }

    function test_delegatingAboveTheCapSaysSo() public {
        vm.startPrank(A);
        gm.approve(address(pool), 1000e18);
        vm.expectEmit(true, true, true, true, address(pool));
        emit DelegationPool.Delegated(A, 1000e18, 1000e18, 0, 700e18);
        pool.delegate(1000e18);
    }

    function _slash(DelegationPool from, uint256 amount) private {
        vm.prank(address(staking));
        manager.slash(address(from), bytes32("case"), amount);
    }

    // -- sigma ----------------------------------------------------------------------------------------------------------------

    function test_sigmaFallsAtOnceOnceInThirtyDays() public {
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaChangedRecently.selector, GENESIS + 30 days));
        manager.lowerSigma(1);
        vm.warp(GENESIS + 30 days);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.NotAFall.selector, 200_000, 200_000));
        manager.lowerSigma(200_000);
        manager.lowerSigma(100_000);
        same(manager.sigmaOf(OWNER).value, 100_000, "sigma");
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaChangedRecently.selector, GENESIS + 60 days));
        manager.lowerSigma(1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(PoolManager.NoPool.selector, address(this)));
        manager.lowerSigma(1);
    }

    function test_sigmaRisesTenDaysAfterItsAnnouncement() public {
        vm.startPrank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.NotARise.selector, 200_000, 200_000));
        manager.announceSigma(200_000);
        vm.warp(GENESIS + 30 days);
        manager.announceSigma(300_000);
        uint256 due = GENESIS + 40 days;
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.NoRiseDue.selector, OWNER, due, due + 30 days));
        manager.applySigma();
        vm.warp(due + 30 days + 1);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.NoRiseDue.selector, OWNER, due, due + 30 days));
        manager.applySigma();
        vm.warp(due);
        manager.applySigma();
        same(manager.sigmaOf(OWNER).value, 300_000, "sigma");
    }

    function test_sigmaIsFrozenAroundTheEndOfATaskThatTheOwnerIsIn() public {
        uint256 end = GENESIS + 100 days;
        vm.startPrank(OWNER);
        vm.warp(end - 2 days);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaFrozen.selector, OWNER));
        manager.lowerSigma(1);
        vm.warp(end + 2 days);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaFrozen.selector, OWNER));
        manager.lowerSigma(1);
        vm.warp(end + 2 days + 1);
        manager.lowerSigma(1);
        vm.stopPrank();
        same(manager.sigmaOf(OWNER).value, 1, "sigma");
    }

    function test_finding_aTaskThatEndsEarlyFreezesSigmaAfterwards() public {
        vm.warp(GENESIS + 40 days);
        staking.endFinalValidation(TASK);
        vm.warp(GENESIS + 42 days);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(PoolManager.SigmaFrozen.selector, OWNER));
        manager.lowerSigma(1);
    }
}
