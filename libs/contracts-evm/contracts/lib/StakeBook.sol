// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who has staked what in which role on which task, and since when it may leave.
abstract contract StakeBook {
    /// @notice Stakes (task and role) that one wallet may hold at a time; finished ones count until they are withdrawn.
    uint256 public constant MAX_STAKES = 256;

    /// @notice What a wallet stakes for. In one task a wallet is Node or Validator, never both.
    enum Role {
        Node,
        Validator,
        Participant
    }

    /// @notice Where a task stands on chain.
    enum Status {
        Unknown,
        Open,
        Finished
    }

    /// @notice A task: where it stands, its latest end, when its final validation ended (0: not yet) and from when on its stakes
    ///         may leave once it is finished. All in seconds since 1970.
    struct Task {
        Status status;
        uint64 latestEnd;
        uint64 endedAt;
        uint64 unlocksAt;
    }

    /// @dev `position` counts from 1 in the wallet's list.
    struct Held {
        uint128 amount;
        uint128 position;
    }

    /// @dev A stake's place, in the wallet's list.
    struct Place {
        bytes16 task;
        Role role;
    }

    /// @notice Everything staked on all tasks and roles.
    uint256 public grandTotal;
    /// @notice What a wallet has staked as node or validator over all its tasks: what a pool's principal is divided by.
    mapping(address wallet => uint256) public ownTotal;

    mapping(bytes16 task => Task) internal _tasks;
    mapping(bytes16 task => mapping(Role role => uint256)) private _totals;
    mapping(bytes16 task => mapping(Role role => mapping(address wallet => Held))) private _stakes;
    mapping(address wallet => Place[]) private _places;

    /// @notice The wallet holds as many stakes as it may: finished ones must be withdrawn first.
    error TooManyStakes(address wallet);

    /// @notice The task as it stands.
    function taskOf(bytes16 task) external view returns (Task memory) {
        return _tasks[task];
    }

    /// @notice What `wallet` has staked in `role` on `task`.
    function stakeOf(bytes16 task, Role role, address wallet) public view returns (uint256) {
        return _stakes[task][role][wallet].amount;
    }

    /// @notice What all wallets have staked in `role` on `task`.
    function totalOf(bytes16 task, Role role) external view returns (uint256) {
        return _totals[task][role];
    }

    /// @notice How many stakes (task and role) a wallet holds.
    function stakeCount(address wallet) external view returns (uint256) {
        return _places[wallet].length;
    }

    /// @notice Whether a task that the wallet is in ends, or ended, within `distance` seconds of now.
    function nearTaskEnd(address wallet, uint256 distance) external view returns (bool) {
        Place[] storage places = _places[wallet];
        for (uint256 index; index < places.length; ++index) {
            Task storage task = _tasks[places[index].task];
            uint256 end = task.endedAt == 0 ? task.latestEnd : task.endedAt;
            if (block.timestamp <= end + distance && end <= block.timestamp + distance) return true;
        }
        return false;
    }

    function _add(bytes16 task, Role role, address wallet, uint256 amount) internal returns (uint256 balance) {
        Held storage held = _stakes[task][role][wallet];
        if (held.amount == 0) {
            Place[] storage places = _places[wallet];
            if (places.length >= MAX_STAKES) revert TooManyStakes(wallet);
            places.push(Place(task, role));
            held.position = uint128(places.length);
        }
        balance = held.amount + amount;
        held.amount = uint128(balance);
        _totals[task][role] += amount;
        grandTotal += amount;
        if (role != Role.Participant) ownTotal[wallet] += amount;
    }

    function _remove(bytes16 task, Role role, address wallet, uint256 amount) internal returns (uint256 balance) {
        Held storage held = _stakes[task][role][wallet];
        balance = held.amount - amount;
        if (balance == 0) _forget(task, role, wallet, held.position);
        else held.amount = uint128(balance);
        _totals[task][role] -= amount;
        grandTotal -= amount;
        if (role != Role.Participant) ownTotal[wallet] -= amount;
    }

    /// @dev The last place moves into the gap, so that the list stays as short as what is held.
    function _forget(bytes16 task, Role role, address wallet, uint256 position) private {
        Place[] storage places = _places[wallet];
        if (position != places.length) {
            Place memory last = places[places.length - 1];
            places[position - 1] = last;
            _stakes[last.task][last.role][wallet].position = uint128(position);
        }
        places.pop();
        delete _stakes[task][role][wallet];
    }
}
