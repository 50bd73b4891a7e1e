// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationTask} from "../contracts/FederationTask.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Plays federated tasks: joins, rounds, settlements that are right and such that must be refused, withdrawals. Keeps its
///      own books of round stakes and pools.
contract FederationHandler is Fixture {
    address internal constant SPONSOR = address(0x5905);
    address internal constant STRANGER = address(0x9999);
    uint16 internal constant RATE_BPS = 1500;
    address[4] public users = [address(0xA1), address(0xA2), address(0xA3), address(0xA4)];
    bytes16[] public tasks;
    /// @dev FLOCK that was sent to the contract directly.
    uint256 public donated;
    /// @dev What came into and went out of each task's pool, by these books.
    mapping(bytes16 task => uint256) public flockIn;
    mapping(bytes16 task => uint256) public flockOut;
    mapping(bytes16 task => uint256) public gmIn;
    mapping(bytes16 task => uint256) public gmOut;
    mapping(bytes16 task => uint256) public settled;
    mapping(bytes16 task => mapping(address wallet => uint256)) private _roundStakes;

    constructor() {
        deploy();
        for (uint256 index; index < 4; ++index) {
            giveGm(users[index], 1_000_000e18);
        }
        flock.mint(SPONSOR, 1_000_000e18);
        vm.prank(SPONSOR);
        flock.approve(address(federation), type(uint256).max);
        create(3);
        create(6);
    }

    function create(uint256 rounds) public {
        if (tasks.length >= 5) return;
        bytes16 task = bytes16(uint128(tasks.length + 1));
        uint64 end = uint64(block.timestamp + 60 days);
        federation.createTask(task, FederationTask.Terms(SPONSOR, end, uint16(bound(rounds, 1, 8)), RATE_BPS, 10e18));
        tasks.push(task);
    }

    function fund(uint256 pick, uint256 amount) external {
        (bytes16 task, bool running) = _pick(pick);
        uint256 held = flock.balanceOf(SPONSOR);
        if (!running || held == 0) return;
        amount = bound(amount, 1, held < 50_000e18 ? held : 50_000e18);
        vm.prank(SPONSOR);
        federation.fund(task, uint128(amount));
        flockIn[task] += amount;
    }

    function join(uint256 pick, uint256 who, uint256 amount) external {
        (bytes16 task, bool running) = _pick(pick);
        address user = users[who % 4];
        uint256 held = gm.balanceOf(user);
        if (!running || held < 10e18) return;
        vm.prank(user);
        federation.join(task, uint128(bound(amount, 10e18, held < 1000e18 ? held : 1000e18)));
    }

    function openRound(uint256 pick) external {
        (bytes16 task, bool running) = _pick(pick);
        FederationTask.State memory state = federation.stateOf(task);
        if (!running || state.roundOpen || state.round >= federation.termsOf(task).rounds) return;
        for (uint256 index; index < 4; ++index) {
            _roundStakes[task][users[index]] = federation.memberOf(task, users[index]).stake;
        }
        federation.openRound(task, state.round);
    }

    function settle(uint256 pick, uint256 seed) external {
        (bytes16 task, bool running) = _pick(pick);
        FederationTask.State memory state = federation.stateOf(task);
        if (!running || !state.roundOpen) return;
        (FederationTask.SlashOf[] memory slashes, uint256 taken) = _slashes(task, seed);
        address caller = seed % 2 == 0 ? address(0) : _anyMember(task);
        uint256 kept = taken - (caller == address(0) ? 0 : taken / 10);
        (FederationTask.PayTo[] memory pays, uint256 paidFlock, uint256 paidGm) = _pays(task, seed, state.poolFlock, state.poolGm + kept);
        federation.settle(task, state.round, caller, slashes, pays);
        ++settled[task];
        gmIn[task] += kept;
        flockOut[task] += paidFlock;
        gmOut[task] += paidGm;
    }

    /// @dev Settlements that break one rule each: none of them may go through.
    function settleWrongly(uint256 pick, uint256 kind) external {
        (bytes16 task, bool running) = _pick(pick);
        FederationTask.State memory state = federation.stateOf(task);
        address member = _anyMember(task);
        if (!running || member == address(0)) return;
        FederationTask.SlashOf[] memory slashes = new FederationTask.SlashOf[](kind % 5 == 0 ? 1 : 0);
        FederationTask.PayTo[] memory pays = new FederationTask.PayTo[](kind % 5 == 1 || kind % 5 == 2 ? 1 : 0);
        uint16 round = state.round;
        if (kind % 5 == 0) slashes[0] = FederationTask.SlashOf(member, uint128((_roundStakes[task][member] * RATE_BPS) / 10_000 + 1));
        else if (kind % 5 == 1) pays[0] = FederationTask.PayTo(STRANGER, 0, 0);
        else if (kind % 5 == 2) pays[0] = FederationTask.PayTo(member, state.poolFlock + 1, 0);
        else if (kind % 5 == 3) ++round;
        else if (round == 0) return;
        else --round;
        try federation.settle(task, round, address(0), slashes, pays) {
            yes(false, "a settlement that breaks a rule went through");
        } catch {}
    }

    function finish(uint256 pick) external {
        (bytes16 task, bool running) = _pick(pick);
        bool late = block.timestamp >= federation.termsOf(task).latestEnd + 30 days;
        if (!running || (!late && federation.stateOf(task).round < federation.termsOf(task).rounds)) return;
        FederationTask.State memory state = federation.stateOf(task);
        if (late) federation.release(task);
        else federation.finish(task);
        flockOut[task] += state.poolFlock;
        gmOut[task] += state.poolGm;
    }

    function withdraw(uint256 pick, uint256 who) external {
        bytes16 task = tasks[pick % tasks.length];
        address user = users[who % 4];
        uint256 stake = federation.memberOf(task, user).stake;
        FederationTask.State memory state = federation.stateOf(task);
        bool bound_ = !state.finished && (state.roundOpen || stake >= federation.termsOf(task).threshold);
        if (stake == 0 || bound_) return;
        uint256 before = gm.balanceOf(user);
        vm.prank(user);
        federation.withdraw(task);
        same(gm.balanceOf(user) - before, stake, "the whole stake");
    }

    function take(uint256 who) external {
        address user = who % 5 == 4 ? SPONSOR : users[who % 4];
        if (federation.owedFlock(user) + federation.owedGm(user) == 0) return;
        vm.prank(user);
        federation.take();
    }

    function donate(uint256 amount) external {
        amount = bound(amount, 1, 1e18);
        flock.mint(address(federation), amount);
        donated += amount;
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + bound(time, 1 hours, 20 days));
    }

    function _pick(uint256 pick) private view returns (bytes16 task, bool running) {
        task = tasks[pick % tasks.length];
        running = !federation.stateOf(task).finished;
    }

    function _anyMember(bytes16 task) private view returns (address) {
        for (uint256 index; index < 4; ++index) {
            if (federation.memberOf(task, users[index]).joined) return users[index];
        }
        return address(0);
    }

    /// @dev Up to the rate of what each had when the round opened, which is what these books say.
    function _slashes(bytes16 task, uint256 seed) private view returns (FederationTask.SlashOf[] memory list, uint256 taken) {
        list = new FederationTask.SlashOf[](4);
        uint256 count;
        for (uint256 index; index < 4; ++index) {
            address user = users[index];
            if (!federation.memberOf(task, user).joined || (seed >> index) % 2 == 0) continue;
            uint256 most = (_roundStakes[task][user] * RATE_BPS) / 10_000;
            uint256 amount = (seed >> 8) % 3 == 0 ? most : bound(seed >> (16 + index), 0, most);
            list[count++] = FederationTask.SlashOf(user, uint128(amount));
            taken += amount;
        }
        assembly {
            mstore(list, count)
        }
    }

    function _pays(bytes16 task, uint256 seed, uint256 poolFlock, uint256 poolGm)
        private
        view
        returns (FederationTask.PayTo[] memory list, uint256 paidFlock, uint256 paidGm)
    {
        list = new FederationTask.PayTo[](4);
        uint256 count;
        for (uint256 index; index < 4; ++index) {
            if (!federation.memberOf(task, users[index]).joined || (seed >> (4 + index)) % 2 == 0) continue;
            uint256 flockPart = bound(seed >> (32 + index), 0, poolFlock - paidFlock);
            uint256 gmPart = bound(seed >> (64 + index), 0, poolGm - paidGm);
            list[count++] = FederationTask.PayTo(users[index], uint128(flockPart), uint128(gmPart));
            (paidFlock, paidGm) = (paidFlock + flockPart, paidGm + gmPart);
        }
        assembly {
            mstore(list, count)
        }
    }

    // -- what the invariants read -----------------------------------------------------------------------------------------------

    function taskCount() external view returns (uint256) {
        return tasks.length;
    }

    function poolOf(bytes16 task) external view returns (uint256 ofFlock, uint256 ofGm, uint256 round) {
        FederationTask.State memory state = federation.stateOf(task);
        return (state.poolFlock, state.poolGm, state.round);
    }

    /// @dev Everything that somebody can claim some day.
    function owed() external view returns (uint256 ofFlock, uint256 ofGm) {
        (ofFlock, ofGm) = (federation.owedFlock(SPONSOR), federation.owedGm(SPONSOR));
        for (uint256 index; index < 4; ++index) {
            (ofFlock, ofGm) = (ofFlock + federation.owedFlock(users[index]), ofGm + federation.owedGm(users[index]));
        }
        for (uint256 at; at < tasks.length; ++at) {
            FederationTask.State memory state = federation.stateOf(tasks[at]);
            (ofFlock, ofGm) = (ofFlock + state.poolFlock, ofGm + state.poolGm);
            for (uint256 index; index < 4; ++index) {
                ofGm += federation.memberOf(tasks[at], users[index]).stake;
            }
        }
    }

    function tracked() external view returns (uint256 ofFlock, uint256 ofGm) {
        return (federation.totalFlock(), federation.totalGm());
    }

    function held() external view returns (uint256 ofFlock, uint256 ofGm) {
        return (flock.balanceOf(address(federation)), gm.balanceOf(address(federation)));
    }
}
