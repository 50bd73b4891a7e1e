// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What pools and their manager ask of the stakes.
interface IStakes {
    /// @notice The wallet's own stake as node or validator over all its tasks.
    function ownTotal(address wallet) external view returns (uint256);
    /// @notice Whether a case against the wallet is open.
    function hasOpenCase(address wallet) external view returns (bool);
    /// @notice Whether a task that the wallet is in ends, or ended, within `distance` seconds of now.
    function nearTaskEnd(address wallet, uint256 distance) external view returns (bool);
}

/// @title What the stakes and the rewards ask of the pools' manager.
interface IPools {
    /// @notice The pool that counts for `owner`; zero if it has none.
    function poolOf(address owner) external view returns (address);
    /// @notice The owner of a pool; zero if `account` is no pool.
    function ownerOf(address account) external view returns (address);
    /// @notice Principal of the owner's pool that counts and earns.
    function countedPrincipal(address owner) external view returns (uint256);
    /// @notice Takes up to `amount` of the pool's principal for the stakes' contract.
    function slash(address pool, bytes32 caseId, uint256 amount) external returns (uint256 taken);
}

/// @title What a payer of rewards asks of a pool.
interface IFundable {
    /// @notice Whether a reward above zero can be funded now.
    function takesRewards() external view returns (bool);
    /// @notice Shares `amount`, which the caller has sent, among the delegators of before `epoch`.
    function fund(uint256 epoch, uint256 amount) external;
}

/// @title Something that takes tokens which the caller has approved.
interface ISink {
    /// @notice Takes `amount` of the caller's tokens.
    function fund(uint256 amount) external;
}

/// @title What the stakes ask of the rewards.
interface IFinalRewards {
    /// @notice Whether the final reward of a task has its start and duration.
    function isFixed(bytes16 task) external view returns (bool);
}
