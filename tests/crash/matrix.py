"""Which scenario passes which point, the cheapest one for each, and for the how manieth time it is killed there."""

from scenarios.commands import Deactivate, Forget, Import, Revoke, Rollover, Update
from scenarios.daemon import Records, Reload, Responder, Template
from scenarios.install import Install
from scenarios.issue import Issue
from scenarios.renew import PutBack, Renew, RenewTwice

MATRIX = {
    Issue: {
        "file_begun": [1, 2, 6],
        "file_copied": [1],
        "file_link_made": [1],
        "socket_bound": [1],
        "keeper_seal_key_made": [1],
        "keeper_secrets_prepared": [1],
        "keeper_entry_unsynced": [1],
        "keeper_account_key_made": [1],
        "keeper_certificate_key_made": [1],
        "keeper_request_signed": [1, 3],
        "keeper_generation_begun": [1],
        "keeper_generation_has_key": [1],
        "keeper_generation_written": [1],
        "keeper_generation_named": [1],
        "keeper_generation_live": [1],
        "keeper_generation_told": [1],
        "store_file_made": [1],
        "store_migrated": [1],
        "store_commit_ahead": [1, 2, 3, 4, 5, 6, 7, 8, 10],
        "store_committed": [1, 2, 3, 4, 5, 6, 7, 8, 10],
        "engine_wish_noted": [1],
        "engine_order_noted": [1],
        "engine_key_noted": [1],
        "engine_publish_asked": [1],
        "engine_publish_answered": [1],
        "engine_issued_noted": [1],
        "engine_placed_noted": [1],
        "engine_placed_shown": [1],
        "engine_placed_gone": [1],
        "engine_deploy_begun": [1],
        "engine_deploy_stepped": [1],
        "engine_deploy_noted": [1],
        "engine_account_noted": [1],
        "engine_new_account_leaves": [1],
        "engine_new_account_answered": [1],
        "engine_new_order_leaves": [1],
        "engine_new_order_answered": [1],
        "engine_challenge_leaves": [1],
        "engine_challenge_answered": [1],
        "engine_read_leaves": [1, 3, 4],
        "engine_read_answered": [1, 3, 4],
        "engine_finalize_leaves": [1],
        "engine_finalize_answered": [1],
        "parent_state_taken": [1],
        "parent_challenge_file_ahead": [1],
        "parent_challenge_file_made": [1],
        "parent_challenge_file_gone": [1],
        "parent_copy_ahead": [1, 2],
        "parent_copy_written": [1, 2],
        "parent_hook_begun": [1],
        "parent_hook_ended": [1],
    },
    Renew: {
        "file_begun": [1, 2],
        "store_commit_ahead": [2, 3, 5, 7],
        "store_committed": [3, 5],
        "engine_new_order_leaves": [1],
        "engine_finalize_answered": [1],
        "engine_publish_asked": [1],
        "engine_publish_answered": [1],
        "keeper_generation_live": [1],
        "engine_deploy_begun": [1],
    },
    RenewTwice: {
        "keeper_generation_archived": [1],
    },
    PutBack: {
        "keeper_earlier_found": [1],
        "keeper_earlier_live": [1],
        "engine_put_back_noted": [1],
    },
    Rollover: {
        "keeper_entry_unsynced": [1],
        "keeper_next_key_pending": [1],
        "keeper_rollover_decided": [1],
        "engine_key_change_leaves": [1],
        "engine_key_change_answered": [1],
        "engine_rollover_answered": [1],
    },
    Update: {
        "engine_other_leaves": [1],
        "engine_other_answered": [1],
    },
    Deactivate: {
        "engine_deactivate_leaves": [1],
        "engine_deactivate_answered": [1],
    },
    Revoke: {
        "keeper_entry_unsynced": [1],
        "keeper_key_burnt": [1],
        "engine_revoke_leaves": [1],
        "engine_revoke_answered": [1],
        "engine_revoked_noted": [1],
    },
    Forget: {
        "keeper_forget_unlinked": [1],
        "keeper_generation_archived": [1],
        "keeper_forget_archived": [1],
        "keeper_forgotten": [1],
        "engine_forget_noted": [1],
    },
    Import: {
        "file_begun": [1],
        "import_settings_written": [1],
        "keeper_account_key_taken": [1],
        "keeper_together_written": [1],
        "keeper_together_linked": [1],
        "engine_import_noted": [1],
        "import_carried": [1],
    },
    Responder: {
        "responder_token_shown": [1],
        "engine_challenge_answered": [1],
    },
    Records: {
        "solver_record_ahead": [1],
        "solver_record_written": [1],
        "solver_record_gone": [1],
        "engine_placed_noted": [1],
        "engine_placed_shown": [1],
        "engine_placed_gone": [1],
    },
    Reload: {
        "parent_reloaded": [1],
        "engine_wish_noted": [2],
    },
    Template: {
        "parent_output_written": [1],
        "parent_output_unchecked": [1],
        "parent_output_passed": [1],
        "file_written": [2],
    },
    Install: {
        "file_written": [1],
        "install_journal_written": [1],
        "install_change_made": [1, 3],
        "install_in_force": [1],
    },
}

CASES = [
    (scenario, point, nth, whom)
    for scenario, points in MATRIX.items()
    for point, times in points.items()
    for nth in times
    for whom in ("alone", "all")
]


def case_id(case):
    scenario, point, nth, whom = case
    return f"{scenario.__name__.lower()}-{point}{f'-{nth}' if nth > 1 else ''}-{whom}"
