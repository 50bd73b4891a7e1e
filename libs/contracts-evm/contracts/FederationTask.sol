// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ParameterRegistry} from "./ParameterRegistry.sol";
import {PausableIntake} from "./lib/PausableIntake.sol";

/// @title Money of federated tasks: stakes of those who joined, the pool, and one settlement per round.
/// @notice Who is slashed and who is paid is decided off chain. Here each settlement happens once and in order, touches only
///         wallets that joined, slashes nobody above rate × round stake, and pays no more than the pool holds. A pool is two
///         amounts, FLOCK and (slashed) gmFLOCK. What a wallet is paid waits here until it takes it.
contract FederationTask is PausableIntake {
    using SafeERC20 for IERC20;

    /// @notice Opens tasks and rounds, settles and finishes.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice How long after a task's latest end anyone may release it.
    uint256 public constant RELEASE_SECONDS = 30 days;
    /// @notice Furthest latest end a task may be created with, counted from then.
    uint256 public constant MAX_TASK_SECONDS = 3650 days;
    /// @notice Most wallets that join one task: a settlement that names all of them fits into a block.
    uint256 public constant MAX_PARTICIPANTS = 256;
    /// @notice Denominator of shares.
    uint256 public constant BPS = 10_000;

    /// @notice What a task was created with. `threshold` in gmFLOCK base units, `slashBps` of the round stake.
    struct Terms {
        address sponsor;
        uint64 latestEnd;
        uint16 rounds;
        uint16 slashBps;
        uint128 threshold;
    }

    /// @notice Where a task stands. `round` counts from 0 and is the next to settle.
    struct State {
        bool finished;
        bool roundOpen;
        uint16 round;
        uint16 participants;
        uint128 poolFlock;
        uint128 poolGm;
    }

    /// @notice A wallet in a task. Of `stake`, `added` came in during round `addedIn` and counts from the next round on.
    struct Member {
        bool joined;
        uint16 addedIn;
        uint128 stake;
        uint128 added;
    }

    /// @notice One wallet's slash.
    struct SlashOf {
        address wallet;
        uint128 amount;
    }

    /// @notice One wallet's pay.
    struct PayTo {
        address wallet;
        uint128 flock;
        uint128 gm;
    }

    /// @notice The token that pays.
    IERC20 public immutable flock;
    /// @notice The token that is staked.
    IERC20 public immutable gmFlock;
    /// @notice The caller's share of slashes.
    ParameterRegistry public immutable registry;
    /// @notice FLOCK held for pools and pay; the rest of this contract's balance was sent by mistake.
    uint256 public totalFlock;
    /// @notice gmFLOCK held for stakes, pools and pay.
    uint256 public totalGm;

    mapping(bytes16 task => Terms) private _terms;
    mapping(bytes16 task => State) private _states;
    mapping(bytes16 task => mapping(address wallet => Member)) private _members;
    /// @notice FLOCK that a wallet can take.
    mapping(address wallet => uint256) public owedFlock;
    /// @notice gmFLOCK that a wallet can take.
    mapping(address wallet => uint256) public owedGm;

    /// @notice A task takes members and money.
    event TaskCreated(bytes16 indexed task, Terms terms);
    /// @notice `from` added `amount` FLOCK to the pool.
    event PoolFunded(bytes16 indexed task, address indexed from, uint256 amount, uint256 poolFlock);
    /// @notice `wallet` added `amount` gmFLOCK to its stake.
    event Joined(bytes16 indexed task, address indexed wallet, uint256 amount, uint256 stake);
    /// @notice Stakes as they are now are the stakes of `round`.
    event RoundOpened(bytes16 indexed task, uint16 indexed round);
    /// @notice `wallet` lost `amount` of its stake in `round`.
    event MemberSlashed(bytes16 indexed task, uint16 indexed round, address indexed wallet, uint256 amount, uint256 stake);
    /// @notice `wallet` was credited for `round`.
    event MemberPaid(bytes16 indexed task, uint16 indexed round, address indexed wallet, uint256 flock, uint256 gm);
    /// @notice `round` is settled; the pool is what remains.
    event RoundSettled(
        bytes16 indexed task, uint16 indexed round, address indexed caller, uint256 toCaller, uint256 poolFlock, uint256 poolGm
    );
    /// @notice The task is over; what was left of the pool is credited to the sponsor. `released` if only time ended it.
    event TaskFinished(bytes16 indexed task, bool released, uint256 restFlock, uint256 restGm);
    /// @notice `wallet` took its stake back.
    event StakeWithdrawn(bytes16 indexed task, address indexed wallet, uint256 amount);
    /// @notice `wallet` took what it was owed.
    event Taken(address indexed wallet, uint256 flock, uint256 gm);

    /// @notice Created before, or terms that cannot be.
    error InvalidTask(bytes16 task);
    /// @notice The task is unknown or finished.
    error TaskNotRunning(bytes16 task);
    /// @notice All rounds must be settled before the task finishes.
    error RoundsPending(bytes16 task, uint16 round, uint16 rounds);
    /// @notice Too early to release a task that the operator has not finished.
    error ReleaseTooEarly(bytes16 task, uint256 from);
    /// @notice The stake would be below the threshold.
    error BelowThreshold(uint256 stake, uint256 threshold);
    /// @notice The task has as many members as it may.
    error TaskFull(bytes16 task);
    /// @notice Nothing was given, or there is nothing to take.
    error Nothing();
    /// @notice Not the next round, settled before, or not opened.
    error WrongRound(bytes16 task, uint16 round, uint16 next);
    /// @notice The wallet is not a member, or it is named twice or out of order.
    error InvalidRecipient(bytes16 task, address wallet);
    /// @notice The slash is above rate × round stake.
    error SlashTooHigh(address wallet, uint256 amount, uint256 maximum);
    /// @notice More is paid than the pool holds.
    error PoolTooSmall(uint256 flock, uint256 gm, uint256 poolFlock, uint256 poolGm);
    /// @notice The stake is bound until the task is over.
    error StakeBound(bytes16 task, address wallet);

    constructor(IERC20 flock_, IERC20 gmFlock_, ParameterRegistry registry_, address admin) {
        flock = flock_;
        gmFlock = gmFlock_;
        registry = registry_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice What `task` was created with.
    function termsOf(bytes16 task) external view returns (Terms memory) {
        return _terms[task];
    }

    /// @notice Where `task` stands.
    function stateOf(bytes16 task) external view returns (State memory) {
        return _states[task];
    }

    /// @notice `wallet` in `task`.
    function memberOf(bytes16 task, address wallet) external view returns (Member memory) {
        return _members[task][wallet];
    }

    /// @notice The wallet's stake in the round that is open.
    function roundStakeOf(bytes16 task, address wallet) public view returns (uint256) {
        Member storage member = _members[task][wallet];
        State storage state = _states[task];
        return state.roundOpen && member.addedIn == state.round ? member.stake - member.added : member.stake;
    }

    /// @notice Creates `task`; its terms stay.
    function createTask(bytes16 task, Terms calldata terms) external onlyRole(OPERATOR_ROLE) {
        bool ends = terms.latestEnd >= block.timestamp && terms.latestEnd <= block.timestamp + MAX_TASK_SECONDS;
        bool sound = terms.sponsor != address(0) && terms.slashBps <= BPS && terms.rounds > 0 && terms.threshold > 0;
        if (task == 0 || _terms[task].rounds != 0 || !ends || !sound) revert InvalidTask(task);
        _terms[task] = terms;
        emit TaskCreated(task, terms);
    }

    /// @notice Adds `amount` of the caller's FLOCK to the pool.
    function fund(bytes16 task, uint128 amount) external whenIntakeOpen {
        State storage state = _running(task);
        if (amount == 0) revert Nothing();
        state.poolFlock += amount;
        totalFlock += amount;
        emit PoolFunded(task, msg.sender, amount, state.poolFlock);
        flock.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Joins with `amount` of the caller's gmFLOCK, or adds it to its stake. During a round it counts from the next on.
    function join(bytes16 task, uint128 amount) external whenIntakeOpen {
        State storage state = _running(task);
        Member storage member = _members[task][msg.sender];
        if (amount == 0) revert Nothing();
        if (!member.joined) {
            if (state.participants >= MAX_PARTICIPANTS) revert TaskFull(task);
            ++state.participants;
            member.joined = true;
        }
        if (state.roundOpen) {
            member.added = member.addedIn == state.round ? member.added + amount : amount;
            member.addedIn = state.round;
        }
        member.stake += amount;
        if (member.stake < _terms[task].threshold) revert BelowThreshold(member.stake, _terms[task].threshold);
        totalGm += amount;
        emit Joined(task, msg.sender, amount, member.stake);
        gmFlock.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Opens the next round: stakes that are added from here on count from the one after it.
    function openRound(bytes16 task, uint16 round) external onlyRole(OPERATOR_ROLE) {
        State storage state = _running(task);
        if (state.roundOpen || round != state.round || round >= _terms[task].rounds) revert WrongRound(task, round, state.round);
        state.roundOpen = true;
        emit RoundOpened(task, round);
    }

    /// @notice Settles the open round, once. Both lists ascend by wallet, so that nobody is named twice.
    /// @param caller who called for the round's end and gets its share of the slashes; zero if nobody did.
    function settle(bytes16 task, uint16 round, address caller, SlashOf[] calldata slashes, PayTo[] calldata pays)
        external
        onlyRole(OPERATOR_ROLE)
    {
        State storage state = _running(task);
        if (!state.roundOpen || round != state.round) revert WrongRound(task, round, state.round);
        uint256 taken = _slashAll(task, round, slashes);
        uint256 toCaller = _payCaller(task, caller, taken);
        state.poolGm += uint128(taken - toCaller);
        _payAll(task, round, state, pays);
        state.roundOpen = false;
        ++state.round;
        emit RoundSettled(task, round, caller, toCaller, state.poolFlock, state.poolGm);
    }

    /// @notice Ends a task whose rounds are all settled.
    function finish(bytes16 task) external onlyRole(OPERATOR_ROLE) {
        State storage state = _running(task);
        if (state.round < _terms[task].rounds) revert RoundsPending(task, state.round, _terms[task].rounds);
        _finish(task, state, false);
    }

    /// @notice Ends a task that the operator has left open for 30 days past its latest end. Anyone may.
    function release(bytes16 task) external {
        State storage state = _running(task);
        uint256 from = _terms[task].latestEnd + RELEASE_SECONDS;
        if (block.timestamp < from) revert ReleaseTooEarly(task, from);
        _finish(task, state, true);
    }

    /// @notice Gives the caller's stake back: after the task, or between rounds once it is below the threshold.
    function withdraw(bytes16 task) external returns (uint256 amount) {
        Member storage member = _members[task][msg.sender];
        State storage state = _states[task];
        amount = member.stake;
        if (amount == 0) revert Nothing();
        if (!state.finished && (state.roundOpen || amount >= _terms[task].threshold)) revert StakeBound(task, msg.sender);
        delete _members[task][msg.sender];
        --state.participants;
        totalGm -= amount;
        emit StakeWithdrawn(task, msg.sender, amount);
        gmFlock.safeTransfer(msg.sender, amount);
    }

    /// @notice Pays the caller what settlements have credited to it.
    function take() external returns (uint256 flockAmount, uint256 gmAmount) {
        (flockAmount, gmAmount) = (owedFlock[msg.sender], owedGm[msg.sender]);
        if (flockAmount == 0 && gmAmount == 0) revert Nothing();
        (owedFlock[msg.sender], owedGm[msg.sender]) = (0, 0);
        totalFlock -= flockAmount;
        totalGm -= gmAmount;
        emit Taken(msg.sender, flockAmount, gmAmount);
        if (flockAmount > 0) flock.safeTransfer(msg.sender, flockAmount);
        if (gmAmount > 0) gmFlock.safeTransfer(msg.sender, gmAmount);
    }

    function _slashAll(bytes16 task, uint16 round, SlashOf[] calldata slashes) private returns (uint256 taken) {
        uint256 rate = _terms[task].slashBps;
        address last = address(0);
        for (uint256 index; index < slashes.length; ++index) {
            (address wallet, uint128 amount) = (slashes[index].wallet, slashes[index].amount);
            last = _requireNext(task, last, wallet);
            uint256 maximum = (roundStakeOf(task, wallet) * rate) / BPS;
            if (amount > maximum) revert SlashTooHigh(wallet, amount, maximum);
            Member storage member = _members[task][wallet];
            member.stake -= amount;
            taken += amount;
            emit MemberSlashed(task, round, wallet, amount, member.stake);
        }
    }

    function _payCaller(bytes16 task, address caller, uint256 taken) private returns (uint256 toCaller) {
        if (caller == address(0)) return 0;
        if (!_members[task][caller].joined) revert InvalidRecipient(task, caller);
        toCaller = (taken * registry.values().reporterBps) / BPS;
        owedGm[caller] += toCaller;
    }

    function _payAll(bytes16 task, uint16 round, State storage state, PayTo[] calldata pays) private {
        (uint256 flockSum, uint256 gmSum, address last) = (0, 0, address(0));
        for (uint256 index; index < pays.length; ++index) {
            PayTo calldata pay = pays[index];
            last = _requireNext(task, last, pay.wallet);
            flockSum += pay.flock;
            gmSum += pay.gm;
            owedFlock[pay.wallet] += pay.flock;
            owedGm[pay.wallet] += pay.gm;
            emit MemberPaid(task, round, pay.wallet, pay.flock, pay.gm);
        }
        if (flockSum > state.poolFlock || gmSum > state.poolGm) {
            revert PoolTooSmall(flockSum, gmSum, state.poolFlock, state.poolGm);
        }
        state.poolFlock -= uint128(flockSum);
        state.poolGm -= uint128(gmSum);
    }

    function _requireNext(bytes16 task, address last, address wallet) private view returns (address) {
        if (wallet <= last || !_members[task][wallet].joined) revert InvalidRecipient(task, wallet);
        return wallet;
    }

    function _finish(bytes16 task, State storage state, bool released) private {
        (uint256 restFlock, uint256 restGm, address sponsor) = (state.poolFlock, state.poolGm, _terms[task].sponsor);
        state.finished = true;
        state.roundOpen = false;
        state.poolFlock = 0;
        state.poolGm = 0;
        owedFlock[sponsor] += restFlock;
        owedGm[sponsor] += restGm;
        emit TaskFinished(task, released, restFlock, restGm);
    }

    function _running(bytes16 task) private view returns (State storage state) {
        state = _states[task];
        if (_terms[task].rounds == 0 || state.finished) revert TaskNotRunning(task);
    }
}
