// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title The time lock before every change of a parameter: OpenZeppelin's, deployed without an administrator of its own.
contract ParameterTimelock is TimelockController {
    /// @param delaySeconds least time between announcing a change and making it.
    /// @param proposer the multisig that announces and cancels.
    /// @dev Anyone may execute what has waited long enough: announced changes cannot be held back selectively.
    constructor(uint256 delaySeconds, address proposer)
        TimelockController(delaySeconds, _one(proposer), _one(address(0)), address(0))
    {}

    function _one(address account) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }
}
