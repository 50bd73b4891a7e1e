// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Emission} from "../contracts/Emission.sol";
import {ParameterRegistry} from "../contracts/ParameterRegistry.sol";
import {EpochClock} from "../contracts/lib/EpochClock.sol";
import {Fixture} from "./Fixture.sol";

contract EmissionTest is Fixture {
    function setUp() public {
        deploy();
    }

    function test_finding_anEpochIsMintedOnceAndNeverAheadOfTime() public {
        vm.expectRevert(abi.encodeWithSelector(Emission.EpochNotOver.selector, 0, 0));
        emission.mint(0);
        vm.warp(GENESIS + DAY - 1);
        vm.expectRevert(abi.encodeWithSelector(Emission.EpochNotOver.selector, 0, 0));
        emission.mint(0);
        goTo(1);
        emission.mint(0);
        vm.expectRevert(abi.encodeWithSelector(Emission.EpochAlreadyMinted.selector, 0));
        emission.mint(0);
        vm.expectRevert(abi.encodeWithSelector(Emission.EpochNotOver.selector, type(uint256).max, 1));
        emission.mint(type(uint256).max);
        same(flock.totalSupply(), emission.dailyOf(0), "supply");
        same(flock.balanceOf(address(rewards)), emission.dailyOf(0), "to the rewards");
        same(rewards.totalFunded(), emission.dailyOf(0), "counted there");
        same(flock.balanceOf(address(emission)), 0, "nothing is stranded");
    }

    function test_anyoneMintsAnyPastEpochInAnyOrder() public {
        goTo(1900);
        uint256[5] memory epochs = [uint256(1799), 0, 900, 30, 1798];
        for (uint256 index; index < 5; ++index) {
            vm.prank(address(uint160(100 + index)));
            emission.mint(epochs[index]);
        }
        vm.expectRevert(abi.encodeWithSelector(Emission.EmissionOver.selector, 1800));
        emission.mint(1800);
        same(emission.amountOf(1799), emission.dailyOf(59) + 1080, "the last day");
        same(emission.totalMinted(), flock.totalSupply(), "supply");
    }

    function test_allDaysTogetherAreTheTotal() public view {
        uint256 sum;
        for (uint256 day; day < 1800; day += 30) {
            sum += 30 * emission.amountOf(day);
        }
        same(sum + 1080, emission.TOTAL(), "total");
    }

    function testFuzz_theEpochsOfADayAddUpToIt(uint256 pick, uint256 day) public {
        uint32[6] memory lengths = [uint32(86_400), 43_200, 3600, 600, 120, 60];
        Emission other = new Emission(flock, rewards, GENESIS, lengths[pick % 6]);
        day = bound(day, 0, 1799);
        uint256 perDay = DAY / lengths[pick % 6];
        uint256 expected = emission.amountOf(day);
        uint256 part = other.amountOf(day * perDay);
        uint256 last = other.amountOf(day * perDay + perDay - 1);
        if (perDay > 1) same(part, expected / perDay, "floored");
        same(part * (perDay - 1) + last, expected, "the last takes the rest");
    }

    function test_anEpochDividesADay() public {
        vm.expectRevert(abi.encodeWithSelector(EpochClock.InvalidEpochSeconds.selector, 7));
        new Emission(flock, rewards, GENESIS, 7);
        vm.expectRevert(abi.encodeWithSelector(EpochClock.InvalidEpochSeconds.selector, 0));
        new Emission(flock, rewards, GENESIS, 0);
    }

    // -- parameters -----------------------------------------------------------------------------------------------------------

    function _values(uint16 own, uint16 delegators, uint16 reporter, uint16 cap) private pure returns (ParameterRegistry.Values memory) {
        return ParameterRegistry.Values(TREASURY, own, delegators, reporter, cap);
    }

    function test_parametersChangeThroughTheTimeLockOnly() public {
        ParameterRegistry.Values memory next = _values(700, 1400, 900, 3);
        vm.expectPartialRevert(bytes4(keccak256("AccessControlUnauthorizedAccount(address,bytes32)")));
        registry.set(next);
        bytes memory call = abi.encodeCall(ParameterRegistry.set, (next));
        timelock.schedule(address(registry), 0, call, 0, 0, 2 days);
        vm.expectPartialRevert(bytes4(keccak256("TimelockUnexpectedOperationState(bytes32,bytes32)")));
        timelock.execute(address(registry), 0, call, 0, 0);
        vm.warp(block.timestamp + 2 days);
        vm.prank(address(0xA));
        timelock.execute(address(registry), 0, call, 0, 0);
        same(registry.values().ownFeeBps, 700, "changed");
    }

    function test_finding_sharesNeverExceedTheWhole() public {
        vm.startPrank(address(timelock));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.FeeTooHigh.selector, 3001, 3000));
        registry.set(_values(3001, 0, 0, 3));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.FeeTooHigh.selector, 3001, 3000));
        registry.set(_values(0, 3001, 0, 3));
        vm.expectRevert(abi.encodeWithSelector(ParameterRegistry.ReporterShareTooHigh.selector, 2500, 3));
        registry.set(_values(0, 0, 2500, 3));
        registry.set(_values(0, 0, 2499, 3));
        vm.expectRevert(ParameterRegistry.ZeroAddress.selector);
        registry.set(ParameterRegistry.Values(address(0), 0, 0, 0, 3));
    }
}
