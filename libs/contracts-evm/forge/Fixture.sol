// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {DelegationPool} from "../contracts/DelegationPool.sol";
import {Emission} from "../contracts/Emission.sol";
import {FederationTask} from "../contracts/FederationTask.sol";
import {Flock} from "../contracts/Flock.sol";
import {GmExchange} from "../contracts/GmExchange.sol";
import {GmFlock} from "../contracts/GmFlock.sol";
import {ParameterRegistry} from "../contracts/ParameterRegistry.sol";
import {ParameterTimelock} from "../contracts/ParameterTimelock.sol";
import {PoolManager} from "../contracts/PoolManager.sol";
import {Rewards} from "../contracts/Rewards.sol";
import {TaskStaking} from "../contracts/TaskStaking.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {StakeCases} from "../contracts/lib/StakeCases.sol";
import {IPools, IStakes} from "../contracts/lib/Seams.sol";
import {Test} from "./Test.sol";

/// @title All contracts, wired as in production; this contract is admin, operator and minter of everything.
abstract contract Fixture is Test {
    uint256 internal constant GENESIS = 1_800_000_000;
    uint256 internal constant DAY = 1 days;
    address internal constant TREASURY = address(0xFEE);
    bytes16 internal constant TASK = bytes16(uint128(0xA1));
    bytes16 internal constant OTHER_TASK = bytes16(uint128(0xA2));

    Flock internal flock;
    GmFlock internal gm;
    GmExchange internal exchange;
    ParameterRegistry internal registry;
    ParameterTimelock internal timelock;
    Rewards internal rewards;
    Rewards internal slashedRewards;
    Emission internal emission;
    TaskStaking internal staking;
    PoolManager internal manager;
    FederationTask internal federation;

    function deploy() internal {
        vm.warp(GENESIS);
        flock = new Flock("FLOCK", "FLOCK", address(this));
        gm = new GmFlock("gmFLOCK", "gmFLOCK", address(this));
        exchange = new GmExchange(IERC20(flock), gm, TREASURY, 513, 1e18, address(this));
        registry = new ParameterRegistry(ParameterRegistry.Values(TREASURY, 800, 1450, 1000, 3), address(this));
        timelock = new ParameterTimelock(2 days, address(this));
        // Three contracts know each other; a deployer's next addresses follow from its nonce.
        uint256 nonce = vm.getNonce(address(this));
        IPools pools = IPools(vm.computeCreateAddress(address(this), nonce + 3));
        rewards = new Rewards(IERC20(flock), registry, pools, true, GENESIS, DAY, address(this));
        slashedRewards = new Rewards(IERC20(gm), registry, IPools(address(0)), false, GENESIS, DAY, address(this));
        staking = new TaskStaking(
            IERC20(gm),
            address(this),
            StakeCases.Config(pools, address(rewards), slashedRewards, registry, 10 days, 7 days)
        );
        manager = new PoolManager(poolConfig(), PoolManager.SigmaTiming(10 days, 30 days, 2 days), address(this));
        emission = new Emission(flock, rewards, GENESIS, DAY);
        federation = new FederationTask(IERC20(flock), IERC20(gm), registry, address(this));
        grantRoles();
    }

    function poolConfig() internal view returns (DelegationPool.Config memory) {
        return DelegationPool.Config(
            IERC20(flock), IERC20(gm), IStakes(address(staking)), address(rewards), registry, GENESIS, DAY, 10 days, 1 days
        );
    }

    function grantRoles() internal {
        flock.grantRole(flock.MINTER_ROLE(), address(this));
        flock.grantRole(flock.MINTER_ROLE(), address(emission));
        gm.grantRole(gm.MINTER_ROLE(), address(exchange));
        gm.grantRole(gm.REGISTRAR_ROLE(), address(manager));
        gm.grantRole(gm.REGISTERED_ROLE(), address(staking));
        gm.grantRole(gm.REGISTERED_ROLE(), address(slashedRewards));
        gm.grantRole(gm.REGISTERED_ROLE(), address(federation));
        exchange.grantRole(exchange.MANAGER_ROLE(), address(this));
        exchange.grantRole(exchange.GRANTOR_ROLE(), address(this));
        exchange.grantRole(exchange.PAUSER_ROLE(), address(this));
        registry.grantRole(registry.MANAGER_ROLE(), address(timelock));
        rewards.grantRole(rewards.REWARD_OPERATOR_ROLE(), address(this));
        rewards.grantRole(rewards.OPERATOR_ROLE(), address(this));
        slashedRewards.grantRole(rewards.REWARD_OPERATOR_ROLE(), address(this));
        staking.grantRole(staking.OPERATOR_ROLE(), address(this));
        staking.grantRole(staking.CASE_ROLE(), address(this));
        staking.grantRole(staking.PAUSER_ROLE(), address(this));
        manager.grantRole(manager.PAUSER_ROLE(), address(this));
        federation.grantRole(federation.OPERATOR_ROLE(), address(this));
        federation.grantRole(federation.PAUSER_ROLE(), address(this));
    }

    /// @dev Gives `who` this much gmFLOCK, by an honest lock of 0 s, and approves it to whatever takes it.
    function giveGm(address who, uint256 amount) internal {
        flock.mint(who, amount);
        vm.startPrank(who);
        flock.approve(address(exchange), amount);
        exchange.lock(amount, 0);
        gm.approve(address(staking), type(uint256).max);
        gm.approve(address(federation), type(uint256).max);
        vm.stopPrank();
    }

    function stakeAs(address who, bytes16 task, StakeBook.Role role, uint256 amount) internal {
        vm.prank(who);
        staking.stake(task, role, amount);
    }

    function poolFor(address owner, uint32 sigma) internal returns (DelegationPool pool) {
        vm.prank(owner);
        pool = DelegationPool(manager.createPool(sigma));
    }

    function delegateAs(address who, DelegationPool pool, uint256 amount) internal {
        vm.startPrank(who);
        gm.approve(address(pool), amount);
        pool.delegate(amount);
        vm.stopPrank();
    }

    /// @dev Funds a pool as the rewards' contract does, which is what production code alone may do.
    function fundPool(DelegationPool pool, uint256 epoch, uint256 amount) internal {
        if (amount > 0) flock.mint(address(pool), amount);
        vm.prank(address(rewards));
        pool.fund(epoch, amount);
    }

    /// @dev The start of an epoch.
    function goTo(uint256 epoch) internal {
        vm.warp(GENESIS + epoch * DAY);
    }

    function _hashPair(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return left < right ? keccak256(abi.encode(left, right)) : keccak256(abi.encode(right, left));
    }
}
