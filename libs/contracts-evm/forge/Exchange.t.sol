// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {GmExchange} from "../contracts/GmExchange.sol";
import {PausableIntake} from "../contracts/lib/PausableIntake.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {Fixture} from "./Fixture.sol";

contract ExchangeTest is Fixture {
    address private constant A = address(0xA);
    address private constant B = address(0xB);

    function setUp() public {
        deploy();
        flock.mint(A, 1_000_000e18);
        vm.prank(A);
        flock.approve(address(exchange), type(uint256).max);
    }

    function _lock(uint256 amount, uint256 lockSeconds) private returns (uint256 lockId) {
        vm.prank(A);
        return exchange.lock(amount, lockSeconds);
    }

    /// @dev However a lock is cut into redemptions, it pays its FLOCK exactly, and never more than pro rata before the last.
    function testFuzz_partsOfALockPayItExactly(uint256 amount, uint256 lockSeconds, uint256[6] memory cuts) public {
        amount = bound(amount, 1e18, 1_000_000e18);
        lockSeconds = bound(lockSeconds, 0, 3650 days);
        uint256 lockId = _lock(amount, lockSeconds);
        vm.warp(block.timestamp + lockSeconds);
        for (uint256 index; index < 6; ++index) {
            uint256 left = exchange.lockOf(lockId).gmRemaining;
            if (left == 0) break;
            uint256 part = index == 5 ? left : bound(cuts[index], 1, left);
            vm.prank(A);
            exchange.redeem(lockId, part);
            GmExchange.Lock memory held = exchange.lockOf(lockId);
            yes(uint256(held.amountRemaining) * held.gm >= uint256(held.amount) * held.gmRemaining, "the rest is covered");
        }
        same(exchange.lockOf(lockId).amountRemaining, 0, "nothing left");
        same(flock.balanceOf(A) + flock.balanceOf(TREASURY), 1_000_000e18, "all paid, to the last unit");
        same(exchange.totalLocked(), 0, "nothing tracked");
        same(gm.totalSupply(), 0, "all burnt");
    }

    function testFuzz_theMultiplierNeverFallsWithTime(uint256 shorter, uint256 longer) public view {
        (shorter, longer) = (bound(shorter, 0, 3650 days), bound(longer, 0, 3650 days));
        if (shorter > longer) (shorter, longer) = (longer, shorter);
        yes(exchange.multiplierOf(shorter) <= exchange.multiplierOf(longer), "monotone");
        yes(exchange.multiplierOf(longer) <= 30_100, "bounded");
    }

    function test_locksThatAreRefused() public {
        vm.startPrank(A);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.LockTooSmall.selector, 0, 1e18));
        exchange.lock(0, 0);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.LockTooSmall.selector, 1e18 - 1, 1e18));
        exchange.lock(1e18 - 1, 0);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.LockTooLong.selector, 3650 days + 1, 3650 days));
        exchange.lock(1e18, 3650 days + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, A, 1_000_000e18, 1_000_000e18 + 1)
        );
        exchange.lock(1_000_000e18 + 1, 0);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.LockTooLarge.selector, type(uint256).max));
        exchange.lock(type(uint256).max, 0);
        same(exchange.lockCount(), 0, "no lock");
    }

    function test_noExitOneSecondEarly() public {
        uint256 lockId = _lock(10e18, 40 days);
        uint256 unlock = GENESIS + 40 days;
        vm.warp(unlock - 1);
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.StillLocked.selector, lockId, unlock));
        exchange.redeem(lockId, 1);
        vm.warp(unlock);
        vm.prank(B);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.NotLockOwner.selector, lockId, B));
        exchange.redeem(lockId, 1);
        uint256 held = exchange.lockOf(lockId).gm;
        vm.startPrank(A);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.InvalidRedemption.selector, lockId, held + 1, held));
        exchange.redeem(lockId, held + 1);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.InvalidRedemption.selector, lockId, 0, held));
        exchange.redeem(lockId, 0);
        same(exchange.totalLocked(), 10e18, "unchanged");
    }

    function test_finding_aMissingUnitOfGmHoldsBackOnlyItsOwnPart() public {
        uint256 lockId = _lock(10e18, 0);
        staking.openTask(TASK, uint64(block.timestamp + 1));
        vm.startPrank(A);
        gm.approve(address(staking), 1);
        staking.stake(TASK, StakeBook.Role.Node, 1);
        exchange.redeem(lockId, 10e18 - 1);
        vm.expectPartialRevert(IERC20Errors.ERC20InsufficientBalance.selector);
        exchange.redeem(lockId, 1);
        same(exchange.lockOf(lockId).amountRemaining, 1, "one unit waits");
    }

    function test_finding_aChangedFeeDoesNotTouchOldLocksAndNeverExceedsTheWhole() public {
        uint256 lockId = _lock(1000e18, 0);
        vm.expectRevert(abi.encodeWithSelector(GmExchange.FeeTooHigh.selector, 10_001));
        exchange.setParameters(10_001, 1e18, TREASURY);
        vm.expectRevert(GmExchange.ZeroAddress.selector);
        exchange.setParameters(1, 1e18, address(0));
        exchange.setParameters(10_000, 1e18, TREASURY);
        vm.prank(A);
        same(exchange.redeem(lockId, 1000e18), 948.7e18, "the fee of its day");
    }

    function test_aGrantIsTheBeneficiarysForGood() public {
        flock.mint(address(this), 20e18);
        flock.approve(address(exchange), 20e18);
        vm.expectRevert(GmExchange.ZeroAddress.selector);
        exchange.grantLock(address(0), 10e18, 0);
        uint256 lockId = exchange.grantLock(B, 10e18, 0);
        same(exchange.lockOf(lockId).owner, B, "owner");
        same(gm.balanceOf(B), 10e18, "gm");
        vm.expectRevert(abi.encodeWithSelector(GmExchange.NotLockOwner.selector, lockId, address(this)));
        exchange.redeem(lockId, 1);
        vm.prank(B);
        exchange.redeem(lockId, 10e18);
        vm.prank(A);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, A, keccak256("GRANTOR_ROLE")
            )
        );
        exchange.grantLock(B, 10e18, 0);
    }

    function test_aPauseStopsLocksAndNoRedemption() public {
        uint256 lockId = _lock(10e18, 0);
        exchange.setIntakePaused(true);
        vm.startPrank(A);
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        exchange.lock(10e18, 0);
        exchange.redeem(lockId, 10e18);
        vm.stopPrank();
        exchange.setIntakePaused(false);
        _lock(10e18, 0);
    }
}
