//! Containers of a real engine, which these tests start for themselves where the machine lets them.
//!
//! It needs `dockerd`, a C compiler and root; where one of them is missing it says so and proves
//! nothing. `DOCKER_RECREATIONS` is how many containers are recreated by a process that is killed
//! in the middle, `DOCKER_SEED` repeats a run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../../../tests/support/api.rs"]
#[expect(dead_code, reason = "the tests of the other providers use the rest")]
mod api;
mod driver;
#[path = "../../../../tests/support/docker_engine.rs"]
mod engine;
#[path = "../../../../tests/support/docker.rs"]
#[expect(dead_code, reason = "the contract uses the rest")]
mod fake;
mod killed;
mod moves;
mod registry;
mod swarm;
mod witness;

use engine::RealEngine;

/// The parts share one engine: two of them on one machine would share its networks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_engine() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let engine = match RealEngine::start().await {
        Ok(engine) => engine,
        Err(why) => {
            println!("NOT PROVEN ON A REAL ENGINE: {why}");
            return;
        }
    };
    println!("a real engine: Docker {}", engine.release().await);
    moves::a_container_keeps_everything_but_its_image(&engine).await;
    moves::an_undo_goes_forward_again(&engine).await;
    moves::what_does_not_start_is_put_back(&engine).await;
    moves::what_is_unhealthy_is_put_back(&engine).await;
    moves::an_engine_that_starts_again_starts_no_second_one(&engine).await;
    moves::bad_input_changes_nothing(&engine).await;
    moves::an_engine_elsewhere_is_asked_over_tls(&engine).await;
    moves::a_compose_service_leaves_nothing_behind(&engine).await;
    killed::recreations(&engine).await;
    if let Err(why) = engine.make_swarm().await {
        println!("NOT PROVEN ON A REAL SWARM: {why}");
        return;
    }
    println!("a real swarm of one manager");
    swarm::a_service_keeps_everything_but_what_its_tasks_are_made_of(&engine).await;
    swarm::an_undo_goes_forward_again(&engine).await;
    swarm::somebody_elses_update_is_not_overwritten(&engine).await;
    swarm::what_swarm_does_by_itself_is_told(&engine).await;
    swarm::a_service_with_a_task_on_each_node(&engine).await;
    swarm::killed_at_random(&engine).await;
}
