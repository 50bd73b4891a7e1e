// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DelegationPool} from "../contracts/DelegationPool.sol";
import {Fixture} from "./Fixture.sol";
import {BareBook} from "./BareBook.sol";

/// @dev The golden numbers, exact to the base unit, read from the file that all of Skein is tested against.
contract GoldenTest is Fixture {
    address private constant OWNER = address(0x0111);
    address private constant A = address(0xA);
    address private constant B = address(0xB);
    string private json;

    function setUp() public {
        deploy();
        json = vm.readFile("libs/contracts-evm/test/golden/staking.json");
    }

    function test_lockMultiplier() public view {
        uint256 rows;
        for (; _has("lockMultiplier", rows, "seconds"); ++rows) {
            uint256 lockSeconds = vm.parseJsonUint(json, _key("lockMultiplier", rows, "seconds"));
            same(exchange.multiplierOf(lockSeconds), vm.parseJsonUint(json, _key("lockMultiplier", rows, "mult")), "mult");
        }
        same(rows, 10, "rows");
    }

    function test_redeem() public {
        uint256 locked = units(vm.parseJsonString(json, ".redeem.locked"));
        giveGm(A, locked);
        vm.prank(A);
        same(exchange.redeem(1, locked), units(vm.parseJsonString(json, ".redeem.redeemable")), "redeemable");
        same(flock.balanceOf(TREASURY), locked - units(vm.parseJsonString(json, ".redeem.redeemable")), "fee");
    }

    function test_pool() public {
        DelegationPool pool = poolFor(OWNER, 0);
        uint256 line;
        for (; _has("pool", line, "op"); ++line) {
            goTo(line);
            uint256 funding = _play(pool, line);
            goTo(line + 1);
            fundPool(pool, line, funding);
            if (_has("pool", line, "D")) {
                same(pool.totalShares(), units(vm.parseJsonString(json, _key("pool", line, "D"))), "D");
            }
            _checkClaimables(pool, line, "A", A);
            _checkClaimables(pool, line, "B", B);
        }
        same(line, 6, "lines");
    }

    function _play(DelegationPool pool, uint256 line) private returns (uint256 funding) {
        bytes32 op = keccak256(bytes(vm.parseJsonString(json, _key("pool", line, "op"))));
        if (op == keccak256("claim")) {
            _claim(pool, line);
            return 0;
        }
        uint256 amount = units(vm.parseJsonString(json, _key("pool", line, "amount")));
        if (op == keccak256("fund")) return amount;
        address user = _user(vm.parseJsonString(json, _key("pool", line, "user")));
        if (op == keccak256("delegate")) {
            giveGm(user, amount);
            delegateAs(user, pool, amount);
        } else {
            vm.prank(user);
            pool.undelegate(amount);
        }
    }

    function _claim(DelegationPool pool, uint256 line) private {
        address user = _user(vm.parseJsonString(json, _key("pool", line, "user")));
        uint256 before = flock.balanceOf(TREASURY);
        vm.prank(user);
        same(pool.claim(), units(vm.parseJsonString(json, _key("pool", line, "net"))), "net");
        same(flock.balanceOf(TREASURY) - before, units(vm.parseJsonString(json, _key("pool", line, "fee"))), "fee");
    }

    function _checkClaimables(DelegationPool pool, uint256 line, string memory name, address user) private view {
        string memory key = string.concat(_key("pool", line, "claimable."), name);
        if (vm.keyExistsJson(json, key)) same(pool.claimable(user), units(vm.parseJsonString(json, key)), name);
    }

    function test_integerSafety() public {
        BareBook first = new BareBook(GENESIS, DAY);
        first.delegate(A, 3);
        first.fund(1);
        first.delegate(B, 1);
        same(first.claimable(A), vm.parseJsonUint(json, ".integerSafety[0].claimable.A"), "first A");
        same(first.claimable(B), vm.parseJsonUint(json, ".integerSafety[0].claimable.B"), "first B");
        BareBook second = new BareBook(GENESIS, DAY);
        second.delegate(A, 2);
        second.fund(1);
        second.delegate(B, 2);
        second.delegate(A, 1);
        same(second.claimable(A), vm.parseJsonUint(json, ".integerSafety[1].claimable.A"), "second A");
        same(second.claimable(B), vm.parseJsonUint(json, ".integerSafety[1].claimable.B"), "second B");
    }

    function test_vesting() public view {
        uint256 rows;
        for (; _has("vesting", rows, "amount"); ++rows) {
            uint256 amount = units(vm.parseJsonString(json, _key("vesting", rows, "amount")));
            uint256 duration = vm.parseJsonUint(json, _key("vesting", rows, "days")) * DAY;
            uint256 elapsed = vm.parseJsonUint(json, _key("vesting", rows, "elapsedDays")) * DAY;
            uint256 vested = units(vm.parseJsonString(json, _key("vesting", rows, "vested")));
            same(rewards.vestedAt(amount, 7, duration, 7 + elapsed), vested, "vested");
        }
        same(rows, 2, "rows");
    }

    function test_emission() public view {
        uint256 sum;
        for (uint256 period; period < 60; ++period) {
            sum += 30 * emission.dailyOf(period);
            string memory key = string.concat(".emission.perDay.", vm.toString(period));
            if (vm.keyExistsJson(json, key)) same(emission.dailyOf(period), units(vm.parseJsonString(json, key)), key);
        }
        uint256 extra = vm.parseJsonUint(json, ".emission.lastDayExtraWei");
        same(emission.LAST_DAY_EXTRA(), extra, "extra");
        same(sum + extra, units(vm.parseJsonString(json, ".emission.total")), "total");
        same(emission.dailyOf(60), 0, "nothing after the last period");
    }

    function _user(string memory name) private pure returns (address) {
        return keccak256(bytes(name)) == keccak256("A") ? A : B;
    }

    function _key(string memory list, uint256 row, string memory field) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(row), "].", field);
    }

    function _has(string memory list, uint256 row, string memory field) private view returns (bool) {
        return vm.keyExistsJson(json, _key(list, row, field));
    }
}
