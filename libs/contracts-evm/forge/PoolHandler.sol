// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DelegationPool} from "../contracts/DelegationPool.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Plays with one pool in every way that is allowed, and watches after each move what must not have moved.
contract PoolHandler is Fixture {
    address internal constant OWNER = address(0x0111);
    DelegationPool public pool;
    address[3] public users = [address(0xA), address(0xB), address(0xC)];
    uint256[] public exits;
    uint256 private _cases;
    /// @dev What the treasury and the users were paid out of the pool.
    uint256 public movements;

    constructor() {
        deploy();
        giveGm(OWNER, 1000e18);
        staking.openTask(TASK, uint64(GENESIS + 3000 days));
        stakeAs(OWNER, TASK, StakeBook.Role.Node, 100e18);
        pool = poolFor(OWNER, 0);
        for (uint256 index; index < 3; ++index) {
            giveGm(users[index], 1_000_000e18);
            vm.prank(users[index]);
            gm.approve(address(pool), type(uint256).max);
        }
    }

    function delegate(uint256 who, uint256 amount) external {
        address user = users[who % 3];
        if (pool.closed() || gm.balanceOf(user) < 1e18) return;
        amount = bound(amount, 1e18, gm.balanceOf(user));
        uint256[3] memory before = _claimables();
        vm.prank(user);
        pool.delegate(amount);
        _unmoved(before);
    }

    function undelegate(uint256 who, uint256 amount, bool all) external {
        address user = users[who % 3];
        uint256 available = pool.delegationOf(user);
        if (available == 0 || block.timestamp < pool.delegatedAt(user) + 1 days) return;
        uint256 most = available > 1e18 ? available - 1e18 : available;
        uint256[3] memory before = _claimables();
        vm.prank(user);
        // A part may leave less than the least by rounding only; then all of it goes.
        exits.push(pool.undelegate(all || available <= 2e18 ? available : bound(amount, 1, most - 2)));
        _unmoved(before);
    }

    function withdraw(uint256 pick) external {
        if (exits.length == 0) return;
        uint256 exitId = exits[pick % exits.length];
        DelegationPool.Exit memory asked = pool.exitOf(exitId);
        if (asked.delegator == address(0) || block.timestamp < asked.paidFrom) return;
        uint256[3] memory before = _claimables();
        vm.prank(asked.delegator);
        pool.withdraw(exitId);
        _unmoved(before);
    }

    function claim(uint256 who) external {
        address user = users[who % 3];
        uint256 amount = pool.claimable(user);
        if (amount == 0) return;
        uint256[3] memory before = _claimables();
        vm.prank(user);
        pool.claim();
        before[who % 3] = 0;
        _unmoved(before);
    }

    function fund(uint256 amount) external {
        uint256 epoch = pool.nextFunding();
        if (epoch >= pool.currentEpoch()) return;
        amount = pool.takesRewards() ? bound(amount, 0, 400_000e18) : 0;
        uint256[3] memory before = _claimables();
        fundPool(pool, epoch, amount);
        uint256[3] memory afterwards = _claimables();
        for (uint256 index; index < 3; ++index) {
            yes(afterwards[index] >= before[index], "funding takes from nobody");
        }
    }

    function slash(uint256 amount) external {
        uint256 total = pool.total();
        if (total == 0 || amount % 4 != 0) return;
        uint256[3] memory before = _claimables();
        vm.prank(address(staking));
        uint256 taken = manager.slash(address(pool), bytes32(++_cases), bound(amount, 1, total / 2 + 1));
        yes(pool.closed() || taken > 0, "taken");
        _unmoved(before);
    }

    function donate(uint256 amount) external {
        uint256[3] memory before = _claimables();
        flock.mint(address(pool), bound(amount, 1, 1e18));
        _unmoved(before);
    }

    function pass(uint256 time) external {
        uint256[3] memory before = _claimables();
        vm.warp(block.timestamp + bound(time, 1 hours, 2 days));
        _unmoved(before);
    }

    function _claimables() private view returns (uint256[3] memory list) {
        for (uint256 index; index < 3; ++index) {
            list[index] = pool.claimable(users[index]);
        }
    }

    function _unmoved(uint256[3] memory before) private {
        ++movements;
        for (uint256 index; index < 3; ++index) {
            same(pool.claimable(users[index]), before[index], "claimable moved");
        }
    }

    // -- what the invariants read -----------------------------------------------------------------------------------------------

    /// @dev Both sides of the index identity, scaled.
    function identity() external view returns (uint256 left, uint256 right) {
        int256 sum = int256(pool.carry() + 1e27 * uint256(pool.totalClaimed()));
        for (uint256 index; index < 3; ++index) {
            (uint256 shares, int256 credit) = pool.accountOf(users[index]);
            sum += credit + int256(shares * pool.rewardIndex());
        }
        return (uint256(sum), 1e27 * uint256(pool.totalFunded()));
    }

    function sumOfShares() external view returns (uint256 sum) {
        for (uint256 index; index < 3; ++index) {
            (uint256 shares,) = pool.accountOf(users[index]);
            sum += shares;
        }
    }

    /// @dev What delegators could take out if every exit were paid now: delegations that do not count yet included.
    function principalOwed() external view returns (uint256 sum) {
        uint256 price = pool.principalIndex();
        for (uint256 index; index < 3; ++index) {
            sum += pool.delegationOf(users[index]);
        }
        for (uint256 index; index < exits.length; ++index) {
            sum += (uint256(pool.exitOf(exits[index]).shares) * price) / 1e27;
        }
    }

    function rewardsOwed() external view returns (uint256 sum) {
        uint256[3] memory list = _claimables();
        return list[0] + list[1] + list[2];
    }

    function balances() external view returns (uint256 ofFlock, uint256 ofGm) {
        return (flock.balanceOf(address(pool)), gm.balanceOf(address(pool)));
    }
}
