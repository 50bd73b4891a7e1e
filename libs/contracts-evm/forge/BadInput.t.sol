// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {FederationTask} from "../contracts/FederationTask.sol";
import {PausableIntake} from "../contracts/lib/PausableIntake.sol";
import {StakeBook} from "../contracts/lib/StakeBook.sol";
import {StakeCases} from "../contracts/lib/StakeCases.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Amounts above what somebody has, strangers at doors, pauses, and tokens sent by mistake: over all contracts.
contract BadInputTest is Fixture {
    address private constant A = address(0xA);
    address private constant SPONSOR = address(0x5905);
    StakeBook.Role private constant NODE = StakeBook.Role.Node;

    function setUp() public {
        deploy();
        giveGm(A, 100e18);
        flock.mint(A, 50e18);
        vm.prank(A);
        flock.approve(address(exchange), type(uint256).max);
        vm.prank(A);
        flock.approve(address(federation), type(uint256).max);
        staking.openTask(TASK, uint64(GENESIS + 50 days));
        federation.createTask(TASK, FederationTask.Terms(SPONSOR, uint64(GENESIS + 50 days), 2, 1000, 10e18));
    }

    function _tooMuch(uint256 held) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, A, held, held + 1);
    }

    function test_amountsAboveTheBalanceAreRefusedEverywhere() public {
        vm.startPrank(A);
        vm.expectRevert(_tooMuch(50e18));
        exchange.lock(50e18 + 1, 0);
        vm.expectRevert(_tooMuch(50e18));
        federation.fund(TASK, 50e18 + 1);
        vm.expectRevert(_tooMuch(100e18));
        staking.stake(TASK, NODE, 100e18 + 1);
        vm.expectRevert(_tooMuch(100e18));
        federation.join(TASK, 100e18 + 1);
        vm.stopPrank();
        same(exchange.totalLocked(), 100e18, "locked");
        same(staking.grandTotal() + federation.totalGm() + federation.totalFlock(), 0, "unchanged");
        same(federation.stateOf(TASK).participants, 0, "nobody joined");
    }

    function test_aPauseStopsNoWithdrawalOfStakes() public {
        stakeAs(A, TASK, NODE, 40e18);
        staking.cancelTask(TASK);
        staking.setIntakePaused(true);
        vm.warp(block.timestamp + 10 days);
        vm.prank(A);
        same(staking.withdraw(TASK, NODE), 40e18, "stake");
    }

    function test_aPauseStopsNeitherSettlementsNorWhatTheyPay() public {
        vm.startPrank(A);
        federation.fund(TASK, 50e18);
        federation.join(TASK, 40e18);
        vm.stopPrank();
        federation.setIntakePaused(true);
        vm.prank(A);
        vm.expectRevert(PausableIntake.IntakeIsPaused.selector);
        federation.fund(TASK, 1);
        FederationTask.PayTo[] memory pays = new FederationTask.PayTo[](1);
        pays[0] = FederationTask.PayTo(A, 30e18, 0);
        for (uint16 round; round < 2; ++round) {
            federation.openRound(TASK, round);
            federation.settle(TASK, round, address(0), new FederationTask.SlashOf[](0), round == 0 ? pays : new FederationTask.PayTo[](0));
        }
        federation.finish(TASK);
        vm.startPrank(A);
        same(federation.withdraw(TASK), 40e18, "stake");
        (uint256 paid,) = federation.take();
        same(paid, 30e18, "pay");
    }

    function test_onlyThePauserPauses() public {
        bytes memory refused = abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, A, keccak256("PAUSER_ROLE"));
        PausableIntake[4] memory paused = [PausableIntake(exchange), staking, manager, federation];
        for (uint256 index; index < 4; ++index) {
            vm.prank(A);
            vm.expectRevert(refused);
            paused[index].setIntakePaused(true);
            yes(!paused[index].intakePaused(), "open");
        }
    }

    function test_onlyTheOperatorRunsFederatedTasks() public {
        FederationTask.SlashOf[] memory none = new FederationTask.SlashOf[](0);
        FederationTask.PayTo[] memory nobody = new FederationTask.PayTo[](0);
        bytes memory refused = abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, A, keccak256("OPERATOR_ROLE"));
        vm.startPrank(A);
        vm.expectRevert(refused);
        federation.createTask(OTHER_TASK, FederationTask.Terms(A, uint64(GENESIS + 1), 1, 1, 1));
        vm.expectRevert(refused);
        federation.openRound(TASK, 0);
        vm.expectRevert(refused);
        federation.settle(TASK, 0, address(0), none, nobody);
        vm.expectRevert(refused);
        federation.finish(TASK);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(FederationTask.WrongRound.selector, TASK, 0, 0));
        federation.settle(TASK, 0, address(0), none, nobody);
        same(federation.stateOf(TASK).round, 0, "unchanged");
    }

    /// @dev Doors whose own tests look at something else: a stranger's call is refused by the role that is missing.
    function test_strangersAreRefusedByTheRoleThatTheyLack() public {
        _needs("DEFAULT_ADMIN_ROLE", address(rewards), abi.encodeCall(rewards.vetoRoot, (0)));
        _needs("OPERATOR_ROLE", address(rewards), abi.encodeCall(rewards.fixVesting, (TASK, 0, 0)));
        _needs("OPERATOR_ROLE", address(staking), abi.encodeCall(staking.endFinalValidation, (TASK)));
        _needs("OPERATOR_ROLE", address(staking), abi.encodeCall(staking.cancelTask, (TASK)));
        _needs("CASE_ROLE", address(staking), abi.encodeCall(staking.openCase, (bytes32("case"), TASK, NODE, A, SPONSOR, 1, 0)));
        _needs("CASE_ROLE", address(staking), abi.encodeCall(staking.dismissCase, (bytes32("case"))));
        _needs("MANAGER_ROLE", address(exchange), abi.encodeCall(exchange.setParameters, (0, 0, A)));
        _needs("DEFAULT_ADMIN_ROLE", address(gm), abi.encodeCall(gm.grantRole, (gm.MINTER_ROLE(), A)));
    }

    function _needs(string memory role, address door, bytes memory call) private {
        bytes32 id = keccak256(bytes(role)) == keccak256("DEFAULT_ADMIN_ROLE") ? bytes32(0) : keccak256(bytes(role));
        vm.prank(A);
        (bool done, bytes memory reason) = door.call(call);
        bytes memory refused = abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, A, id);
        yes(!done && keccak256(reason) == keccak256(refused), role);
    }

    function test_aFederatedTaskTakesAtMost256Members() public {
        for (uint160 index; index < 256; ++index) {
            address wallet = address(0x10000 + index);
            giveGm(wallet, 10e18);
            vm.prank(wallet);
            federation.join(TASK, 10e18);
        }
        vm.prank(A);
        vm.expectRevert(abi.encodeWithSelector(FederationTask.TaskFull.selector, TASK));
        federation.join(TASK, 10e18);
        same(federation.stateOf(TASK).participants, 256, "members");
    }

    function test_finding_tokensSentDirectlyAreNobodysInAnyContract() public {
        vm.startPrank(A);
        federation.join(TASK, 20e18);
        flock.transfer(address(exchange), 7e18);
        flock.transfer(address(federation), 7e18);
        flock.transfer(address(rewards), 7e18);
        vm.stopPrank();
        same(exchange.totalLocked(), 100e18, "locks");
        same(federation.totalFlock(), 0, "federation");
        same(rewards.totalFunded(), 0, "rewards");
        vm.prank(A);
        same(exchange.redeem(1, 80e18), 75.896e18, "pays what was locked, less the fee");
    }

    /// @dev The notice tells wallet, pool, cap, weights and the evidence; the slash what each bore and what is left.
    function test_caseEventsCarryAllThatANoticeNeeds() public {
        stakeAs(A, TASK, NODE, 100e18);
        vm.expectEmit(true, true, true, true, address(staking));
        emit StakeCases.CaseOpened(bytes32("case"), TASK, A, NODE, address(0), SPONSOR, 10e18, 100e18, 100e18, keccak256("evidence"));
        staking.openCase(bytes32("case"), TASK, NODE, A, SPONSOR, 10e18, keccak256("evidence"));
        vm.warp(block.timestamp + 7 days);
        vm.expectEmit(true, true, true, true, address(staking));
        emit StakeCases.Slashed(bytes32("case"), TASK, A, NODE, 10e18, 0, 1e18, 90e18);
        staking.slash(bytes32("case"), 10e18);
        yes(staking.caseOf(bytes32("case")).status == StakeCases.CaseStatus.Slashed, "done");
    }
}
