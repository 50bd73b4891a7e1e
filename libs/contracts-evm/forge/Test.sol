// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cheatcodes of forge that these tests use.
interface Vm {
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function chainId(uint256 id) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata revertData) external;
    function expectRevert(bytes4 selector) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data, address emitter) external;
    function label(address account, string calldata name) external;
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function toString(uint256 value) external pure returns (string memory);
    function addr(uint256 privateKey) external pure returns (address);
    function sign(uint256 privateKey, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function getNonce(address account) external view returns (uint64);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool success);
    function snapshotGasLastCall(string calldata group, string calldata name) external returns (uint256 gasUsed);
}

/// @title What every test starts from: cheatcodes, assertions by revert, and bounded inputs.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    /// @dev Tells forge that this contract holds tests.
    bool public IS_TEST = true;

    address[] private _targets;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    FuzzSelector[] private _selectors;

    error NotEqual(string what, uint256 actual, uint256 expected);
    error NotTrue(string what);

    /// @notice Contracts that invariant runs call.
    function targetContracts() external view returns (address[] memory) {
        return _targets;
    }

    /// @notice Functions of them that are called.
    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    function _target(address account, bytes4[] memory selectors) internal {
        _targets.push(account);
        _selectors.push(FuzzSelector(account, selectors));
    }

    function same(uint256 actual, uint256 expected, string memory what) internal pure {
        if (actual != expected) revert NotEqual(what, actual, expected);
    }

    function same(address actual, address expected, string memory what) internal pure {
        same(uint160(actual), uint160(expected), what);
    }

    function yes(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function bound(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + value % (most - least + 1);
    }

    /// @dev Base units of a decimal number with at most 18 decimals, as the golden file writes them.
    function units(string memory text) internal pure returns (uint256 value) {
        bytes memory digits = bytes(text);
        (uint256 decimals, bool afterPoint) = (18, false);
        for (uint256 index; index < digits.length; ++index) {
            if (digits[index] == ".") {
                afterPoint = true;
                continue;
            }
            value = value * 10 + (uint8(digits[index]) - 48);
            if (afterPoint) --decimals;
        }
        return value * 10 ** decimals;
    }
}
