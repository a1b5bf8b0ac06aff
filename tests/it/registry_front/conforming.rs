//! What every registry must answer, asked through the gateway.

use super::Front;

macro_rules! through_the_gateway {
    ($kind:ident: $($room:ident: $($name:ident)*;)*) => {
        mod $kind {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $room() {
                    let Some(front) = super::$kind().await else { return };
                    let admin = front.admin().await;
                    $(Box::pin(crate::registry::conformance::$room::$name(&admin)).await;)*
                }
            )*
        }
    };
}

async fn own() -> Option<Front> {
    Some(Front::start().await)
}

async fn behind() -> Option<Front> {
    Front::before_distribution("").await
}

// See `registry::proxied` for what Debian's registry does not do.
through_the_gateway! { behind:
    routes: ping every_answer_names_the_protocol unknown_routes_and_methods_are_json
        malformed_names_and_references names_that_contain_the_words_of_routes;
    uploads: in_one_patch with_the_body_in_the_put at_once_with_post in_chunks_with_status
        chunks_out_of_order_are_416 chunks_that_lie_about_their_length wrong_digest_publishes_nothing
        an_empty_blob cancelled unknown_and_moved_uploads mounts parameters_in_a_body_do_not_mount
        doubled_parameters parallel_pushes_of_one_blob two_requests_on_one_upload;
    blobs: ranges conditions deleted head_equals_get of_another_repository;
    manifests: by_tag_and_digest media_types accept_is_negotiated what_is_missing_is_named
        type_confusion_is_refused too_large several_tags_at_once indexes digest_must_match;
    listing: tags_are_sorted_and_paged extreme_numbers;
    referrers: listed_and_filtered fallback_tags_are_merged of_nothing;
}

through_the_gateway! { own:
    routes: ping every_answer_names_the_protocol unknown_routes_and_methods_are_json
        malformed_names_and_references names_that_contain_the_words_of_routes;
    uploads: in_one_patch with_the_body_in_the_put at_once_with_post in_chunks_with_status
        chunks_out_of_order_are_416 chunks_that_lie_about_their_length wrong_digest_publishes_nothing
        an_empty_blob cancelled unknown_and_moved_uploads sha512 mounts parameters_in_a_body_do_not_mount
        doubled_parameters parallel_pushes_of_one_blob two_requests_on_one_upload;
    blobs: ranges conditions deleted head_equals_get of_another_repository;
    manifests: by_tag_and_digest media_types accept_is_negotiated what_is_missing_is_named
        type_confusion_is_refused too_large tags_move_atomically deleted_by_tag_and_digest several_tags_at_once
        indexes digest_must_match;
    listing: tags_are_sorted_and_paged the_catalog_is_paged extreme_numbers unknown_repositories;
    referrers: listed_and_filtered fallback_tags_are_merged of_nothing;
}
