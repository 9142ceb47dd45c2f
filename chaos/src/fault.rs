//! Faults: each breaks something for a moment and repairs it.

use std::time::Duration;

use tokio::{task::block_in_place, time::sleep};

use crate::{
    Stop,
    history::Disturbance,
    world::{LOGIN_SECS, PODS, Servers, Stack, World, signal_family},
};

/// How long a wire is slow or silent, a process stopped, or a clock wrong.
const A_MOMENT: Duration = Duration::from_millis(1500);
const SLOW_MS: u64 = 150;
const KILLS: usize = 10;

/// One way to break something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    SqlCut,
    SqlSlow,
    SqlSilent,
    SqlGarbled,
    SqlKilled,
    SqlStopped,
    KvCut,
    KvSlow,
    KvSilent,
    KvGarbled,
    KvKilled,
    KvStopped,
    KvClientsKilled,
    KvFailover,
    KvMasterKilled,
    PodKilled,
    PodDrained,
    PodStopped,
    ClocksOn,
    ClockAhead,
    ClockBehind,
}

use Fault::*;

const EVERYWHERE: [Fault; 9] = [
    SqlKilled,
    SqlStopped,
    KvClientsKilled,
    PodKilled,
    PodDrained,
    PodStopped,
    ClocksOn,
    ClockAhead,
    ClockBehind,
];
const ON_WIRES: [Fault; 10] =
    [SqlCut, SqlSlow, SqlSilent, SqlGarbled, KvCut, KvSlow, KvSilent, KvGarbled, KvKilled, KvStopped];
const WITH_SENTINEL: [Fault; 2] = [KvFailover, KvMasterKilled];

impl Fault {
    /// The faults that this stack can have.
    #[must_use]
    pub fn all(stack: Stack) -> Vec<Self> {
        match stack {
            Stack::Wires => [&EVERYWHERE[..], &ON_WIRES].concat(),
            Stack::Failover => [&EVERYWHERE[..], &WITH_SENTINEL].concat(),
        }
    }

    /// Returns its name in reports.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push(' ');
            }
            name.extend(c.to_lowercase());
        }
        name
    }

    /// Breaks something at this pod or in a server below all pods, repairs it, and waits until all
    /// pods are ready.
    ///
    /// # Errors
    /// When the pods do not recover.
    pub async fn strike(self, world: &World, pod: usize) -> Result<Disturbance, Stop> {
        let from = world.history.now();
        let clocks = if self == ClocksOn { i64::try_from(LOGIN_SECS)? + 10 } else { 0 };
        match self {
            SqlCut | SqlSlow | SqlSilent | SqlGarbled | KvCut | KvSlow | KvSilent | KvGarbled => {
                self.on_a_wire(world, pod).await
            }
            SqlKilled | SqlStopped => self.to_the_database(world).await,
            KvKilled | KvStopped | KvClientsKilled | KvFailover | KvMasterKilled => {
                self.to_redis(world).await?
            }
            PodKilled | PodDrained | PodStopped => self.to_a_pod(world, pod).await?,
            ClocksOn => world.clocks_on(clocks).await?,
            ClockAhead | ClockBehind => {
                world.clock_askew(pod, if self == ClockAhead { 20 } else { -20 }).await?;
                sleep(A_MOMENT).await;
                world.clock_askew(pod, 0).await?;
            }
        }
        world.until_ready().await?;
        let loses_live_state = matches!(self, KvKilled | KvFailover | KvMasterKilled);
        Ok(Disturbance { what: self.name(), from, till: world.history.now(), loses_live_state, clocks })
    }

    async fn on_a_wire(self, world: &World, pod: usize) {
        let wires = &world.wires[pod % world.wires.len()];
        let wire =
            if matches!(self, SqlCut | SqlSlow | SqlSilent | SqlGarbled) { &wires.sql } else { &wires.kv };
        match self {
            SqlCut | KvCut => wire.cut(),
            SqlGarbled | KvGarbled => wire.garble(),
            SqlSlow | KvSlow => {
                wire.delay(SLOW_MS);
                sleep(A_MOMENT).await;
                wire.delay(0);
            }
            _ => {
                wire.silence(true);
                sleep(A_MOMENT).await;
                wire.silence(false);
                wire.cut();
            }
        }
    }

    async fn to_the_database(self, world: &World) {
        let pid = {
            let mut servers = world.servers();
            let (Servers::Wires { postgres: sql, .. } | Servers::Failover { mariadb: sql, .. }) =
                &mut *servers;
            if self == SqlKilled {
                block_in_place(|| {
                    sql.kill();
                    sql.restart();
                });
                return;
            }
            sql.pid()
        };
        signal_family(pid, "STOP");
        sleep(A_MOMENT).await;
        signal_family(pid, "CONT");
    }

    async fn to_redis(self, world: &World) -> Result<(), Stop> {
        let pid = match &mut *world.servers() {
            Servers::Wires { redis, .. } if self == KvKilled => {
                block_in_place(|| {
                    redis.kill();
                    redis.restart();
                });
                return Ok(());
            }
            Servers::Wires { redis, .. } if self == KvStopped => redis.pid(),
            Servers::Wires { redis, .. } => {
                kill_clients(|words| redis.tell("0", words));
                return Ok(());
            }
            Servers::Failover { redis, .. } if self == KvClientsKilled => {
                kill_clients(|words| redis.tell(words));
                return Ok(());
            }
            Servers::Failover { redis, .. } => {
                block_in_place(|| redis.fail_over(self == KvMasterKilled));
                return Ok(());
            }
        };
        signal_family(pid, "STOP");
        sleep(A_MOMENT).await;
        signal_family(pid, "CONT");
        Ok(())
    }

    async fn to_a_pod(self, world: &World, pod: usize) -> Result<(), Stop> {
        let pod = pod % PODS;
        if self == PodStopped {
            world.pod(pod).signal("STOP");
            sleep(A_MOMENT).await;
            world.pod(pod).signal("CONT");
            return Ok(());
        }
        block_in_place(|| {
            let mut process = world.pod(pod);
            if self == PodDrained {
                process.signal("TERM");
                let status = process.wait()?;
                if !status.success() {
                    return Err(format!("the pod that drained ended with {status}"));
                }
            }
            process.again()
        })?;
        world.moved(pod).await
    }
}

fn kill_clients(tell: impl Fn(&str) -> String) {
    for _ in 0..KILLS {
        for kind in ["normal", "pubsub"] {
            let _how_many = tell(&format!("CLIENT KILL TYPE {kind}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_break_something_has_a_name_and_a_stack() {
        assert_eq!(
            (KvClientsKilled.name(), SqlCut.name()),
            ("kv clients killed".to_owned(), "sql cut".to_owned())
        );
        let (wires, failover) = (Fault::all(Stack::Wires), Fault::all(Stack::Failover));
        assert!(wires.contains(&KvGarbled) && failover.contains(&KvFailover) && !failover.contains(&KvCut));
    }
}
