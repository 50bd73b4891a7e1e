// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DelegationPool} from "../contracts/DelegationPool.sol";
import {FederationTask} from "../contracts/FederationTask.sol";
import {Rewards} from "../contracts/Rewards.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {Trees} from "./Trees.sol";

/// @dev What users pay per transaction, calldata included: run with --isolate, so that every call is a transaction of its own on
///      cold storage. The figures are kept in snapshots/calls.json; two have a goal.
contract GasTest is Trees {
    address private constant OWNER = address(0x0111);
    address private constant A = address(uint160(uint256(keccak256("somebody"))));
    StakeBook.Role private constant NODE = StakeBook.Role.Node;

    function setUp() public {
        deploy();
        giveGm(A, 10_000e18);
        giveGm(OWNER, 10_000e18);
        flock.mint(TREASURY, 1);
        staking.openTask(TASK, uint64(GENESIS + 50 days));
        staking.openTask(OTHER_TASK, uint64(GENESIS + 50 days));
    }

    function _gas(string memory name) private returns (uint256) {
        return vm.snapshotGasLastCall("calls", name);
    }

    function test_gasOfStakes() public {
        vm.startPrank(A);
        staking.stake(TASK, NODE, 100e18);
        _gas("stake, an account's first");
        staking.stake(TASK, NODE, 100e18);
        yes(_gas("stake, an account seen before") <= 120_000, "stake");
        staking.stake(OTHER_TASK, NODE, 100e18);
        _gas("stake, an account's first on another task");
        vm.stopPrank();
        staking.cancelTask(TASK);
        vm.warp(GENESIS + 10 days);
        vm.prank(A);
        staking.withdraw(TASK, NODE);
        _gas("withdraw a stake");
    }

    function test_gasOfClaims() public {
        goTo(1);
        emission.mint(0);
        _gas("mint an epoch");
        for (uint256 epoch; epoch < 3; ++epoch) {
            goTo(1 + 2 * epoch);
            Rewards.Grant memory grant = atOnce(A, (epoch + 1) * 123_456_789e12);
            (bytes32 root, bytes32[] memory proof) = deepTree(rewards.leafOf(grant), 16);
            rewards.postRoot(epoch, root, uint128(grant.total));
            vm.warp(block.timestamp + DAY);
            rewards.claim(epoch, grant, proof);
            if (epoch == 0) _gas("claim at depth 16, an account's first");
        }
        yes(_gas("claim at depth 16, an account seen before") <= 90_000, "claim");
    }

    function test_gasOfPools() public {
        vm.prank(OWNER);
        DelegationPool pool = DelegationPool(manager.createPool(0));
        _gas("open a pool");
        stakeAs(OWNER, TASK, NODE, 100e18);
        vm.startPrank(A);
        gm.approve(address(pool), type(uint256).max);
        pool.delegate(100e18);
        _gas("delegate, an account's first");
        pool.delegate(100e18);
        _gas("delegate again in the same epoch");
        vm.stopPrank();
        goTo(1);
        fundPool(pool, 0, 0);
        goTo(2);
        flock.mint(address(pool), 10e18);
        vm.prank(address(rewards));
        pool.fund(1, 10e18);
        _gas("fund a pool");
        vm.startPrank(A);
        pool.claim();
        _gas("claim from a pool, an account's first");
        uint256 exitId = pool.undelegate(50e18);
        _gas("undelegate");
        vm.warp(block.timestamp + 10 days);
        pool.withdraw(exitId);
        _gas("take an exit");
        vm.stopPrank();
        staking.openCase(bytes32("case"), TASK, NODE, OWNER, A, 10e18, 0);
        _gas("open a case");
        vm.warp(block.timestamp + 7 days);
        staking.slash(bytes32("case"), 10e18);
        _gas("slash owner and pool");
    }

    function test_gasOfLocks() public {
        flock.mint(A, 100e18);
        vm.startPrank(A);
        flock.approve(address(exchange), type(uint256).max);
        exchange.lock(10e18, 0);
        _gas("lock");
        exchange.redeem(3, 5e18);
        _gas("redeem a part");
    }

    function test_gasOfASettlementOf256() public {
        federation.createTask(TASK, FederationTask.Terms(OWNER, uint64(GENESIS + 50 days), 2, 1000, 1e18));
        flock.mint(address(this), 1000e18);
        flock.approve(address(federation), 1000e18);
        federation.fund(TASK, 1000e18);
        FederationTask.PayTo[] memory pays = new FederationTask.PayTo[](256);
        for (uint160 index; index < 256; ++index) {
            address wallet = address(0x10000 + index);
            giveGm(wallet, 1e18);
            vm.prank(wallet);
            federation.join(TASK, 1e18);
            pays[index] = FederationTask.PayTo(wallet, 1e18, 0);
        }
        federation.openRound(TASK, 0);
        federation.settle(TASK, 0, address(0), new FederationTask.SlashOf[](0), pays);
        yes(_gas("settle a round that pays 256 wallets for the first time") < 16_000_000, "fits into a block");
    }
}
