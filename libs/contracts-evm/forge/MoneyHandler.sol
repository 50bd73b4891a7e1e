// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DelegationPool} from "../contracts/DelegationPool.sol";
import {Rewards} from "../contracts/Rewards.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {StakeCases} from "../contracts/lib/StakeCases.sol";
import {Trees} from "./Trees.sol";

/// @dev Plays with locks, stakes, cases, emission and roots together.
contract MoneyHandler is Trees {
    StakeBook.Role private constant NODE = StakeBook.Role.Node;
    uint256 private constant GENESIS_SUPPLY = 3_000_000e18;
    address[3] public users = [address(0xA), address(0xB), address(0xC)];
    bytes32[] public cases;
    mapping(bytes32 caseId => uint256) public takenBy;
    uint256[3] private _granted;
    uint256 private _grantedSum;
    uint256 public nextMint;
    /// @dev What was sent directly to the exchange, and as much to the rewards.
    uint256 public donated;
    Rewards.Grant[2][] private _posted;
    mapping(uint256 posted => uint256) private _epochOf;

    constructor() {
        deploy();
        staking.openTask(TASK, uint64(GENESIS + 3000 days));
        for (uint256 index; index < 3; ++index) {
            flock.mint(users[index], GENESIS_SUPPLY / 3);
            vm.startPrank(users[index]);
            flock.approve(address(exchange), type(uint256).max);
            exchange.lock(500_000e18, 0);
            gm.approve(address(staking), type(uint256).max);
            vm.stopPrank();
        }
    }

    function lock(uint256 who, uint256 amount, uint256 time) external {
        address user = users[who % 3];
        uint256 held = flock.balanceOf(user);
        if (held < 1e18) return;
        vm.prank(user);
        exchange.lock(bound(amount, 1e18, held), bound(time, 0, 60 days));
    }

    function redeem(uint256 pick, uint256 amount) external {
        uint256 lockId = 1 + (pick % exchange.lockCount());
        address owner = exchange.lockOf(lockId).owner;
        uint256 most = exchange.lockOf(lockId).gmRemaining;
        if (gm.balanceOf(owner) < most) most = gm.balanceOf(owner);
        if (most == 0 || block.timestamp < exchange.lockOf(lockId).unlockTime) return;
        vm.prank(owner);
        exchange.redeem(lockId, bound(amount, 1, most));
    }

    function stake(uint256 who, uint256 amount) external {
        uint256 held = gm.balanceOf(users[who % 3]);
        if (held > 0) stakeAs(users[who % 3], TASK, NODE, bound(amount, 1, held));
    }

    function openCase(uint256 who, uint256 cap) external {
        address wallet = users[who % 3];
        uint256 counted = staking.countedOf(TASK, NODE, wallet);
        if (counted == 0 || cases.length >= 12) return;
        bytes32 id = bytes32(cases.length + 1);
        staking.openCase(id, TASK, NODE, wallet, users[(who % 3 + 1) % 3], uint128(bound(cap, 1, counted)), 0);
        cases.push(id);
    }

    function slash(uint256 pick, uint256 amount) external {
        if (cases.length == 0) return;
        bytes32 id = cases[pick % cases.length];
        StakeCases.Case memory found = staking.caseOf(id);
        if (found.status != StakeCases.CaseStatus.Open || block.timestamp < found.openedAt + 7 days) return;
        uint256 before = staking.grandTotal();
        staking.slash(id, bound(amount, 1, found.cap));
        takenBy[id] += before - staking.grandTotal();
    }

    function mint() external {
        if (nextMint >= emission.currentEpoch()) return;
        emission.mint(nextMint++);
    }

    /// @dev Posts a root that grants two users more, out of what was funded and not granted.
    function post(uint256 who, uint256 amount) external {
        uint256 epoch = rewards.nextRootEpoch();
        uint256 free = rewards.totalFunded() - _grantedSum;
        if (epoch >= rewards.currentEpoch() || free == 0) return;
        amount = bound(amount, 1, free);
        (uint256 left, uint256 right) = (who % 3, (who % 3 + 1) % 3);
        _granted[left] += amount;
        _grantedSum += amount;
        Rewards.Grant[2] memory grants = [atOnce(users[left], _granted[left]), atOnce(users[right], _granted[right])];
        _epochOf[_posted.length] = epoch;
        _posted.push();
        _posted[_posted.length - 1][0] = grants[0];
        _posted[_posted.length - 1][1] = grants[1];
        rewards.postRoot(epoch, rootOfTwo(rewards, grants[0], grants[1]), uint128(_grantedSum));
    }

    /// @dev Claims against any root, old or new: what is refused is refused by its name.
    function claim(uint256 pick, bool right) external {
        if (_posted.length == 0) return;
        uint256 index = pick % _posted.length;
        Rewards.Grant memory grant = _posted[index][right ? 1 : 0];
        if (block.timestamp < rewards.rootOf(_epochOf[index]).activeFrom) return;
        if (grant.total <= rewards.paid(grant.account, 0)) return;
        uint256 amount = rewards.claim(_epochOf[index], grant, proofBy(rewards, _posted[index][right ? 0 : 1]));
        yes(amount > 0, "paid");
    }

    /// @dev Tokens sent by mistake: nobody's, and in nobody's way.
    function donate(uint256 amount) external {
        amount = bound(amount, 1, 1e18);
        flock.mint(address(exchange), amount);
        flock.mint(address(rewards), amount);
        donated += amount;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 4 days));
    }

    // -- what the invariants read -----------------------------------------------------------------------------------------------

    function caseCount() external view returns (uint256) {
        return cases.length;
    }

    function capOf(bytes32 id) external view returns (uint256) {
        return staking.caseOf(id).cap;
    }

    function stakes() external view returns (uint256 tracked, uint256 sum, uint256 held) {
        for (uint256 index; index < 3; ++index) {
            sum += staking.stakeOf(TASK, NODE, users[index]);
        }
        return (staking.grandTotal(), sum, gm.balanceOf(address(staking)));
    }

    function gmEverywhere() external view returns (uint256 minted, uint256 sum) {
        sum = gm.balanceOf(address(staking)) + gm.balanceOf(address(slashedRewards));
        for (uint256 index; index < 3; ++index) {
            sum += gm.balanceOf(users[index]);
        }
        return (gm.totalSupply(), sum);
    }

    /// @dev FLOCK that locks still hold, by the exchange's total, by the locks themselves, and by its balance.
    function locks() external view returns (uint256 tracked, uint256 sum, uint256 held, uint256 gmOfLocks) {
        for (uint256 lockId = 1; lockId <= exchange.lockCount(); ++lockId) {
            sum += exchange.lockOf(lockId).amountRemaining;
            gmOfLocks += exchange.lockOf(lockId).gmRemaining;
        }
        return (exchange.totalLocked(), sum, flock.balanceOf(address(exchange)), gmOfLocks);
    }

    function supply() external view returns (uint256 actual, uint256 expected) {
        uint256 emitted;
        for (uint256 epoch; epoch < nextMint; ++epoch) {
            emitted += emission.amountOf(epoch);
        }
        return (flock.totalSupply(), GENESIS_SUPPLY + emitted + 2 * donated);
    }

    function rewardBooks() external view returns (uint256 funded, uint256 granted, uint256 paid, uint256 held) {
        return (rewards.totalFunded(), _grantedSum, rewards.totalPaid(), flock.balanceOf(address(rewards)));
    }

    function userBooks(uint256 index) external view returns (uint256 granted, uint256 paid) {
        return (_granted[index], rewards.paid(users[index], 0));
    }
}
