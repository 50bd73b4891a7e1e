// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Rewards} from "../contracts/Rewards.sol";
import {Fixture} from "./Fixture.sol";

/// @title Roots of one, two or 2^16 leaves, and what they grant.
abstract contract Trees is Fixture {
    function atOnce(address account, uint256 total) internal pure returns (Rewards.Grant memory) {
        return Rewards.Grant(account, 0, total, 0, 0);
    }

    /// @dev The root over two grants; the proof of each is the other's leaf.
    function rootOfTwo(Rewards to, Rewards.Grant memory left, Rewards.Grant memory right) internal view returns (bytes32) {
        return _hashPair(to.leafOf(left), to.leafOf(right));
    }

    function proofBy(Rewards to, Rewards.Grant memory sibling) internal view returns (bytes32[] memory proof) {
        proof = new bytes32[](1);
        proof[0] = to.leafOf(sibling);
    }

    /// @dev A proof of `depth` made-up siblings, and the root that it leads to.
    function deepTree(bytes32 leaf, uint256 depth) internal pure returns (bytes32 root, bytes32[] memory proof) {
        proof = new bytes32[](depth);
        root = leaf;
        for (uint256 level; level < depth; ++level) {
            proof[level] = keccak256(abi.encode("sibling", leaf, level));
            root = _hashPair(root, proof[level]);
        }
    }

    function emptyProof() internal pure returns (bytes32[] memory) {
        return new bytes32[](0);
    }
}
