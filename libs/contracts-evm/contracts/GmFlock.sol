// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The participation token: minted by locking FLOCK, moved only by registered contracts into or out of themselves.
/// @dev A holder cannot send it to another holder, nor strand it in a contract by a bare transfer: whoever calls must be a
///      registered contract and one end of the movement.
contract GmFlock is ERC20, AccessControl {
    /// @notice May mint and burn: the exchange.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");
    /// @notice A contract that holds gmFLOCK for users (stakes, pools).
    bytes32 public constant REGISTERED_ROLE = keccak256("REGISTERED_ROLE");
    /// @notice A contract that opens others which hold gmFLOCK (the pools' manager).
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");

    /// @notice The movement `from` → `to`, asked for by `caller`, is not one into or out of a registered contract by itself.
    error TransferNotAllowed(address caller, address from, address to);

    /// @param admin holder of the role that grants and revokes the others.
    constructor(string memory name_, string memory symbol_, address admin) ERC20(name_, symbol_) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Registers a contract that the caller has made.
    function register(address account) external onlyRole(REGISTRAR_ROLE) {
        _grantRole(REGISTERED_ROLE, account);
    }

    /// @notice Creates gmFLOCK for whoever locked FLOCK.
    function mint(address to, uint256 amount) external onlyRole(MINTER_ROLE) {
        _mint(to, amount);
    }

    /// @notice Destroys gmFLOCK that is being redeemed.
    function burn(address from, uint256 amount) external onlyRole(MINTER_ROLE) {
        _burn(from, amount);
    }

    /// @dev Mint and burn are guarded by their role; every other movement by registration.
    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) {
            address caller = _msgSender();
            bool ownMovement = caller == from || caller == to;
            if (!ownMovement || !hasRole(REGISTERED_ROLE, caller)) revert TransferNotAllowed(caller, from, to);
        }
        super._update(from, to, amount);
    }
}
