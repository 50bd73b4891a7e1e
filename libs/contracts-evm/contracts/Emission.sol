// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Flock} from "./Flock.sol";
import {EpochClock} from "./lib/EpochClock.sol";
import {ISink} from "./lib/Seams.sol";

/// @title Mints 420 000 000 FLOCK over 60 periods of 30 days, each 1 % below the last, one reward epoch at a time.
/// @notice Anyone may mint any epoch that is over, once. What is minted goes to the rewards' contract, whole.
contract Emission is EpochClock {
    using SafeERC20 for IERC20;

    /// @notice Base units that are minted in all.
    uint256 public constant TOTAL = 420_000_000e18;
    /// @notice Number of periods.
    uint256 public constant PERIODS = 60;
    /// @notice Days of a period.
    uint256 public constant DAYS_PER_PERIOD = 30;
    /// @notice What the rounding of all days leaves; the last day mints it.
    uint256 public constant LAST_DAY_EXTRA = 1080;

    /// @dev Base units per day of period p, ten bytes each: ⌊TOTAL·99^p·100^(59−p) / (30·Σ_j 99^j·100^(59−j))⌋, whose terms have
    ///      hundreds of digits. A test computes them.
    bytes private constant DAILY =
        hex"417778a0312825a8df2d40cfe061266cdd9a62104029f52cfa856081cc9a3f85b2b9542d00d26bd6"
        hex"3ee314c6d5e4df88a3143e42172101d5c8d182ba3da2b59e1dfa0bee22b33d04ec1f188e960d08c1"
        hex"3c68b68f6cca99ab9fb53bce10e507dd0de4c9a13b34f7202e2f52dff0933a9d654b60ec4a5db349"
        hex"3a07577b43cb3524717e3972c9ce831da7cf995238dfb86dba1feb40b911384e1f8b598b1ea90923"
        hex"37bdfb638e6872d56ce2372f483c2924d815d9e036a2026484e479c3b66b361626356f1564111d8d"
        hex"358bb0110f40b26d1ab235029c62cf19a666e4ab347ae79f42ca0893f1be33f48e44117b36927701"
        hex"336f8cd7de1b42d38f6a32ebdfea305d8c65ecb3326984135df63683a01831e875f4740fe92b44e5"
        hex"3168b23720fb458ead2a30ea358d9e177a9f2b6f306cfcb299f36779bceb2ff1046922a6baebb878"
        hex"2f76497c906280bb488b2efcc8c070388ecde3fb2e847f106f1945b23b4d2e0d69504507197ab077"
        hex"2d97846ba07f593976622d22cd561217accfed842caf410af84fc21fc4be2c3cdc8d6b96a405d9d1"
        hex"2bcb9ce82a8336dcd5142b5b7f2d863f579810632aec80774f251bd68b1a2a7e9de6c18db2998497"
        hex"2a11d4a472d16692dcdd29a621e03e7844449819293b82d1339ae76cde4128d1f4b58272f478945a"
        hex"286974d26a1ac3f240f328020074267bc71b59e6279b94edde6b2e1365cd27362f9991f45922904d"
        hex"26d1cdd808d09fec7542266e6d10c10bfa7c0372260c0ab1ddd61942740d25aaa430167f7a497803"
        hex"254a3706a5a20afbef2224eac0b73874e708c657248c3ec9de4ac60101cc242eaeccf83aaa6c8457";

    /// @notice The token, which this contract may mint.
    Flock public immutable flock;
    /// @notice Where all of it goes.
    ISink public immutable rewards;
    /// @notice Base units minted so far.
    uint256 public totalMinted;
    /// @notice Whether an epoch was minted.
    mapping(uint256 epoch => bool) public minted;

    /// @notice `amount` was minted for `epoch`; `totalMinted` so far.
    event EpochMinted(uint256 indexed epoch, uint256 amount, uint256 totalMinted);

    /// @notice The epoch is not over.
    error EpochNotOver(uint256 epoch, uint256 current);
    /// @notice The epoch was minted before.
    error EpochAlreadyMinted(uint256 epoch);
    /// @notice The epoch lies after the last day of the emission.
    error EmissionOver(uint256 epoch);

    constructor(Flock flock_, ISink rewards_, uint256 genesis_, uint256 epochSeconds_) EpochClock(genesis_, epochSeconds_) {
        flock = flock_;
        rewards = rewards_;
    }

    /// @notice Base units of one day of `period`; the last day mints `LAST_DAY_EXTRA` more. Zero after the last period.
    function dailyOf(uint256 period) public pure returns (uint256 amount) {
        if (period >= PERIODS) return 0;
        bytes memory table = DAILY;
        for (uint256 index = period * 10; index < period * 10 + 10; ++index) {
            amount = (amount << 8) | uint8(table[index]);
        }
    }

    /// @notice Base units of `epoch`: its part of the day, floored; the day's last epoch gets what the others left.
    function amountOf(uint256 epoch) public view returns (uint256) {
        uint256 epochsPerDay = 1 days / epochSeconds;
        uint256 day = epoch / epochsPerDay;
        uint256 lastDay = PERIODS * DAYS_PER_PERIOD - 1;
        if (day > lastDay) revert EmissionOver(epoch);
        uint256 daily = dailyOf(day / DAYS_PER_PERIOD) + (day == lastDay ? LAST_DAY_EXTRA : 0);
        uint256 part = daily / epochsPerDay;
        return epoch % epochsPerDay == epochsPerDay - 1 ? daily - part * (epochsPerDay - 1) : part;
    }

    /// @notice Mints `epoch`. Anyone may.
    function mint(uint256 epoch) external returns (uint256 amount) {
        uint256 current = currentEpoch();
        if (epoch >= current) revert EpochNotOver(epoch, current);
        if (minted[epoch]) revert EpochAlreadyMinted(epoch);
        amount = amountOf(epoch);
        minted[epoch] = true;
        totalMinted += amount;
        emit EpochMinted(epoch, amount, totalMinted);
        flock.mint(address(this), amount);
        IERC20(address(flock)).forceApprove(address(rewards), amount);
        rewards.fund(amount);
    }
}
