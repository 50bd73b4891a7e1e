// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {GmFlock} from "../contracts/GmFlock.sol";
import {Fixture} from "./Fixture.sol";

contract TokensTest is Fixture {
    address private constant A = address(0xA);
    address private constant B = address(0xB);
    uint256 private constant KEY = 0xA11CE;

    function setUp() public {
        deploy();
    }

    function test_flockStopsAtItsCap() public {
        flock.mint(A, 1_000_000_000e18);
        vm.expectRevert(
            abi.encodeWithSelector(ERC20Capped.ERC20ExceededCap.selector, 1_000_000_000e18 + 1, 1_000_000_000e18)
        );
        flock.mint(A, 1);
        same(flock.totalSupply(), 1_000_000_000e18, "supply");
    }

    function test_onlyTheMinterMints() public {
        bytes memory refused = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, A, flock.MINTER_ROLE()
        );
        vm.prank(A);
        vm.expectRevert(refused);
        flock.mint(A, 1);
        vm.prank(A);
        vm.expectRevert(refused);
        gm.mint(A, 1);
        vm.prank(A);
        vm.expectRevert(refused);
        gm.burn(A, 1);
    }

    function test_permitIsBoundToItsChainAndContract() public {
        (address owner, uint256 deadline) = (vm.addr(KEY), block.timestamp + 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(owner, deadline));
        vm.chainId(1);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        flock.permit(owner, B, 5, deadline, v, r, s);
        vm.chainId(31337);
        flock.permit(owner, B, 5, deadline, v, r, s);
        same(flock.allowance(owner, B), 5, "allowance");
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        flock.permit(owner, B, 5, deadline, v, r, s);
    }

    function testFuzz_gmMovesOnlyThroughRegisteredContracts(address from, address to, uint256 amount) public {
        vm.assume(from != address(0) && to != address(0) && !gm.hasRole(gm.REGISTERED_ROLE(), from));
        vm.prank(from);
        vm.expectRevert(abi.encodeWithSelector(GmFlock.TransferNotAllowed.selector, from, from, to));
        gm.transfer(to, amount);
    }

    function test_onlyTheRegistrarRegisters() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, address(this), gm.REGISTRAR_ROLE()
            )
        );
        gm.register(A);
        yes(!gm.hasRole(gm.REGISTERED_ROLE(), A), "not registered");
    }

    function _digest(address owner, uint256 deadline) private view returns (bytes32) {
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 content = keccak256(abi.encode(kind, owner, B, 5, flock.nonces(owner), deadline));
        return keccak256(abi.encodePacked(hex"1901", flock.DOMAIN_SEPARATOR(), content));
    }
}
