// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title A pause for money that comes in. Nothing that pays out ever asks for it.
abstract contract PausableIntake is AccessControl {
    /// @notice May stop and resume what takes new money in.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @notice Whether new money is refused now.
    bool public intakePaused;

    /// @notice New money is refused from now on, or taken again.
    event IntakePaused(bool paused, address indexed by);

    /// @notice New money is refused for now; whatever is inside can leave.
    error IntakeIsPaused();

    /// @dev For functions that take new money in.
    modifier whenIntakeOpen() {
        _requireIntakeOpen();
        _;
    }

    /// @notice Stops or resumes what takes new money in.
    function setIntakePaused(bool paused) external onlyRole(PAUSER_ROLE) {
        intakePaused = paused;
        emit IntakePaused(paused, msg.sender);
    }

    function _requireIntakeOpen() internal view {
        if (intakePaused) revert IntakeIsPaused();
    }
}
