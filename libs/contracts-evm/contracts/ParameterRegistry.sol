// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Parameters that several contracts share. Whoever may change them is meant to be a time lock.
/// @notice Whatever is set here changes what comes later; it never moves money and never stops a withdrawal.
contract ParameterRegistry is AccessControl {
    /// @notice May change the parameters: the time lock.
    bytes32 public constant MANAGER_ROLE = keccak256("MANAGER_ROLE");
    /// @notice Denominator of shares.
    uint256 public constant BPS = 10_000;
    /// @notice Highest fee on rewards: a manager that turned bad cannot take everything.
    uint256 public constant MAX_FEE_BPS = 3_000;

    /// @notice All parameters, in one storage slot. Shares are in basis points.
    /// @param treasury where fees go.
    /// @param ownFeeBps fee on a node's or validator's own rewards.
    /// @param delegatorFeeBps fee on a delegator's rewards.
    /// @param reporterBps share of a slash that its reporter gets.
    /// @param delegationCap delegation counts up to this many times the own stake.
    struct Values {
        address treasury;
        uint16 ownFeeBps;
        uint16 delegatorFeeBps;
        uint16 reporterBps;
        uint16 delegationCap;
    }

    Values private _values;

    /// @notice The parameters from now on.
    event ParametersChanged(Values values);

    /// @notice An address that must not be zero is zero.
    error ZeroAddress();
    /// @notice A fee above the highest.
    error FeeTooHigh(uint256 feeBps, uint256 maximum);
    /// @notice Reporter's share × (1 + delegation cap) would reach the whole: reporting oneself would pay.
    error ReporterShareTooHigh(uint256 reporterBps, uint256 delegationCap);

    constructor(Values memory initial, address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _set(initial);
    }

    /// @notice All parameters.
    function values() external view returns (Values memory) {
        return _values;
    }

    /// @notice Fee on a node's or validator's own rewards, and where it goes.
    function ownFee() external view returns (uint256 feeBps, address treasury) {
        return (_values.ownFeeBps, _values.treasury);
    }

    /// @notice Replaces all parameters.
    function set(Values calldata next) external onlyRole(MANAGER_ROLE) {
        _set(next);
    }

    function _set(Values memory next) private {
        if (next.treasury == address(0)) revert ZeroAddress();
        if (next.ownFeeBps > MAX_FEE_BPS) revert FeeTooHigh(next.ownFeeBps, MAX_FEE_BPS);
        if (next.delegatorFeeBps > MAX_FEE_BPS) revert FeeTooHigh(next.delegatorFeeBps, MAX_FEE_BPS);
        if (uint256(next.reporterBps) * (1 + uint256(next.delegationCap)) >= BPS) {
            revert ReporterShareTooHigh(next.reporterBps, next.delegationCap);
        }
        _values = next;
        emit ParametersChanged(next);
    }
}
