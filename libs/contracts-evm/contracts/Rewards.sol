// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ParameterRegistry} from "./ParameterRegistry.sol";
import {EpochClock} from "./lib/EpochClock.sol";
import {IFinalRewards, IFundable, IPools, ISink} from "./lib/Seams.sol";

/// @title Pays rewards against one Merkle root per reward epoch.
/// @notice A leaf grants an account a total in a stream, ever: stream 0 is paid at once, any other is one task's final reward and
///         vests. A claim pays what is vested less what was paid before, so a repeat pays nothing. Every root stays claimable,
///         so no later root lowers what an earlier one granted; and never is more paid than was funded, whatever roots say.
/// @dev One deployment pays one token: FLOCK, with pools and fees, or slashed gmFLOCK, without.
contract Rewards is AccessControl, EpochClock, ISink, IFinalRewards {
    using SafeERC20 for IERC20;

    /// @notice Posts roots.
    bytes32 public constant REWARD_OPERATOR_ROLE = keccak256("REWARD_OPERATOR_ROLE");
    /// @notice Fixes when a finished task's final reward vests.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice Longest vesting.
    uint256 public constant MAX_VESTING_SECONDS = 3650 days;

    /// @notice What a leaf grants: `account` has earned `total` base units in `stream` since the beginning.
    struct Grant {
        address account;
        bytes32 stream;
        uint256 total;
        uint256 start;
        uint256 duration;
    }

    /// @notice A root: from when it pays, and the sum, over all accounts and streams, of the highest total that this root or an
    ///         earlier one grants. A vetoed one has no hash.
    struct Root {
        bytes32 hash;
        uint128 sum;
        uint40 activeFrom;
    }

    /// @notice When a task's final reward vests; seconds since 1970 and seconds.
    struct Vesting {
        bool isSet;
        uint40 start;
        uint40 duration;
    }

    /// @notice The token that is paid.
    IERC20 public immutable token;
    /// @notice Fees and treasury.
    ParameterRegistry public immutable registry;
    /// @notice The delegation pools, which are funded and not paid; zero where there are none.
    IPools public immutable pools;
    /// @notice Whether own rewards bear the fee.
    bool public immutable takesFee;

    /// @notice Base units that ever came in by `fund`.
    uint256 public totalFunded;
    /// @notice Base units ever paid, fees included.
    uint128 public totalPaid;
    /// @notice The highest sum of a root that was claimed against: never more than this is paid, and it is never above what was
    ///         funded.
    uint128 public provenSum;
    /// @notice The epoch after the last that has a root.
    uint256 public nextRootEpoch;

    mapping(uint256 epoch => Root) private _roots;
    mapping(bytes16 task => Vesting) private _vestings;
    /// @notice What an account was paid in a stream, fees included.
    mapping(address account => mapping(bytes32 stream => uint256)) public paid;

    /// @notice `amount` came in; `totalFunded` so far.
    event RewardsFunded(address indexed from, uint256 amount, uint256 totalFunded);
    /// @notice The root of `epoch`, which pays from `activeFrom` on unless it is vetoed before.
    event RootPosted(uint256 indexed epoch, bytes32 root, uint256 sum, uint40 activeFrom);
    /// @notice The root of `epoch` will never pay; another may be posted in its place.
    event RootVetoed(uint256 indexed epoch, bytes32 root);
    /// @notice The final reward of `task` vests from `start` on for `duration` seconds.
    event VestingFixed(bytes16 indexed task, uint40 start, uint40 duration);
    /// @notice `amount` of `stream` was paid: `fee` of it to the treasury, the rest to `to` (a pool's reward goes to its owner
    ///         where nobody delegates). `paid` so far.
    event RewardPaid(
        address indexed account, bytes32 indexed stream, uint256 indexed epoch, address to, uint256 amount, uint256 fee, uint256 paid
    );

    /// @notice A root without a hash, or a funding of nothing.
    error Empty();
    /// @notice The epoch has a root, is not over, or lies before one that has a root.
    error InvalidRootEpoch(uint256 epoch, uint256 next, uint256 current);
    /// @notice The sum of all totals is above what was funded.
    error SumAboveFunded(uint256 sum, uint256 funded);
    /// @notice There is no root to veto, or it pays already.
    error NotVetoable(uint256 epoch);
    /// @notice The root is missing, vetoed or does not pay yet.
    error RootNotActive(uint256 epoch);
    /// @notice Neither account nor amounts, chain nor contract may differ from the leaf's.
    error InvalidProof(uint256 epoch, address account);
    /// @notice Stream 0 has no vesting, any other exactly the one that was fixed for its task.
    error WrongVesting(bytes32 stream);
    /// @notice The task's vesting was fixed before, or is too long.
    error InvalidVesting(bytes16 task);
    /// @notice A pool is paid in stream 0 only.
    error NotForPools(address pool, bytes32 stream);
    /// @notice All that is vested was paid.
    error NothingToClaim(address account, bytes32 stream);
    /// @notice The leaves of the roots promise more than their sums.
    error AboveSum(uint256 amount, uint256 left);

    constructor(
        IERC20 token_,
        ParameterRegistry registry_,
        IPools pools_,
        bool takesFee_,
        uint256 genesis_,
        uint256 epochSeconds_,
        address admin
    ) EpochClock(genesis_, epochSeconds_) {
        token = token_;
        registry = registry_;
        pools = pools_;
        takesFee = takesFee_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice The root of `epoch`.
    function rootOf(uint256 epoch) external view returns (Root memory) {
        return _roots[epoch];
    }

    /// @notice When the final reward of `task` vests.
    function vestingOf(bytes16 task) external view returns (Vesting memory) {
        return _vestings[task];
    }

    /// @inheritdoc IFinalRewards
    function isFixed(bytes16 task) external view returns (bool) {
        return _vestings[task].isSet;
    }

    /// @notice The leaf of a grant on this chain, in this contract.
    function leafOf(Grant calldata grant) public view returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(block.chainid, address(this), grant))));
    }

    /// @notice ⌊total·elapsed/duration⌋ at second `when`, at most `total`; a duration of 0 is instant.
    function vestedAt(uint256 total, uint256 start, uint256 duration, uint256 when) public pure returns (uint256) {
        if (when < start) return 0;
        return when - start >= duration ? total : (total * (when - start)) / duration;
    }

    /// @inheritdoc ISink
    function fund(uint256 amount) external {
        if (amount == 0) revert Empty();
        totalFunded += amount;
        emit RewardsFunded(msg.sender, amount, totalFunded);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Posts the root of an epoch that is over: the next, a later one, or one whose root was vetoed.
    function postRoot(uint256 epoch, bytes32 hash, uint128 sum) external onlyRole(REWARD_OPERATOR_ROLE) {
        if (hash == 0) revert Empty();
        uint256 current = currentEpoch();
        Root storage root = _roots[epoch];
        bool replacesVetoed = root.activeFrom != 0 && root.hash == 0;
        if (epoch >= current || (epoch < nextRootEpoch && !replacesVetoed)) {
            revert InvalidRootEpoch(epoch, nextRootEpoch, current);
        }
        if (sum > totalFunded) revert SumAboveFunded(sum, totalFunded);
        if (epoch >= nextRootEpoch) nextRootEpoch = epoch + 1;
        uint40 activeFrom = uint40(block.timestamp + epochSeconds);
        _roots[epoch] = Root(hash, sum, activeFrom);
        emit RootPosted(epoch, hash, sum, activeFrom);
    }

    /// @notice Stops a root that does not pay yet.
    function vetoRoot(uint256 epoch) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Root storage root = _roots[epoch];
        if (root.hash == 0 || block.timestamp >= root.activeFrom) revert NotVetoable(epoch);
        emit RootVetoed(epoch, root.hash);
        root.hash = 0;
        root.sum = 0;
    }

    /// @notice Fixes, once, when the final reward of `task` vests.
    function fixVesting(bytes16 task, uint40 start, uint40 duration) external onlyRole(OPERATOR_ROLE) {
        bool bad = duration > MAX_VESTING_SECONDS || start > block.timestamp + MAX_VESTING_SECONDS;
        if (_vestings[task].isSet || task == 0 || bad) revert InvalidVesting(task);
        _vestings[task] = Vesting(true, start, duration);
        emit VestingFixed(task, start, duration);
    }

    /// @notice Pays what is vested of `grant` and was not paid, against the root of `epoch`. Anyone may, for anyone.
    function claim(uint256 epoch, Grant calldata grant, bytes32[] calldata proof) external returns (uint256 amount) {
        uint128 sum = _requireProven(epoch, grant, proof);
        _requireVesting(grant);
        mapping(bytes32 stream => uint256) storage paidTo = paid[grant.account];
        uint256 before = paidTo[grant.stream];
        uint256 vested = vestedAt(grant.total, grant.start, grant.duration, block.timestamp);
        address owner = _poolOwner(grant.account);
        // A pool is funded with nothing, too: that is how its delegations and exits of the epoch begin to count.
        if (vested <= before && owner == address(0)) revert NothingToClaim(grant.account, grant.stream);
        amount = vested > before ? vested - before : 0;
        paidTo[grant.stream] = before + amount;
        _countPaid(amount, sum);
        if (owner == address(0)) _pay(epoch, grant, grant.account, amount, before + amount);
        else _payPool(epoch, grant, owner, amount, before + amount);
    }

    /// @dev Zero for everything but pools. What has no code is no pool, and costs less to ask.
    function _poolOwner(address account) private view returns (address) {
        return account.code.length == 0 || address(pools) == address(0) ? address(0) : pools.ownerOf(account);
    }

    function _countPaid(uint256 amount, uint128 sum) private {
        if (sum < provenSum) sum = provenSum;
        uint256 left = sum - totalPaid;
        if (amount > left) revert AboveSum(amount, left);
        totalPaid += uint128(amount);
        provenSum = sum;
    }

    function _payPool(uint256 epoch, Grant calldata grant, address owner, uint256 amount, uint256 paidSoFar) private {
        if (grant.stream != 0) revert NotForPools(grant.account, grant.stream);
        IFundable pool = IFundable(grant.account);
        if (amount == 0 || !pool.takesRewards()) {
            // First the pool, which refuses an epoch that is not next: a repeat ends here.
            pool.fund(epoch, 0);
            if (amount > 0) _pay(epoch, grant, owner, amount, paidSoFar);
            return;
        }
        emit RewardPaid(grant.account, 0, epoch, grant.account, amount, 0, paidSoFar);
        token.safeTransfer(grant.account, amount);
        pool.fund(epoch, amount);
    }

    function _pay(uint256 epoch, Grant calldata grant, address to, uint256 amount, uint256 paidSoFar) private {
        (uint256 feeBps, address treasury) = takesFee ? registry.ownFee() : (0, address(0));
        uint256 fee = (amount * feeBps) / 10_000;
        emit RewardPaid(grant.account, grant.stream, epoch, to, amount, fee, paidSoFar);
        token.safeTransfer(to, amount - fee);
        if (fee > 0) token.safeTransfer(treasury, fee);
    }

    /// @return sum what the root may pay in all.
    function _requireProven(uint256 epoch, Grant calldata grant, bytes32[] calldata proof) private view returns (uint128 sum) {
        Root memory root = _roots[epoch];
        if (root.hash == 0 || block.timestamp < root.activeFrom) revert RootNotActive(epoch);
        if (!MerkleProof.verifyCalldata(proof, root.hash, leafOf(grant))) revert InvalidProof(epoch, grant.account);
        return root.sum;
    }

    function _requireVesting(Grant calldata grant) private view {
        if (grant.stream == 0) {
            if (grant.start != 0 || grant.duration != 0) revert WrongVesting(0);
            return;
        }
        Vesting memory vesting = _vestings[bytes16(grant.stream)];
        bool named = bytes32(bytes16(grant.stream)) == grant.stream && vesting.isSet;
        if (!named || vesting.start != grant.start || vesting.duration != grant.duration) revert WrongVesting(grant.stream);
    }
}
