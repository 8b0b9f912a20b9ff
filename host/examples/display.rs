//! Shows the report's displays without an engine, to be looked at while they are worked on:
//!
//! ```text
//! cargo run --example display -- start 64          a start of so many nodes
//! cargo run --example display -- fail 5            one that fails and is rolled back
//! cargo run --example display -- ps | ls           answers
//! ```
//! with `--progress`, `--color` and `-v` as the program has them.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use clusterdock::cluster::filter::Shown;
use clusterdock::cluster::{Cluster, ClusterState, Node};
use clusterdock::engine::{Container, PublishedPort, State};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::event::{Event, ImagePhase, NodePhase};
use clusterdock::report::{Clock, Color, Format, Progress, Report, Settings, Streams};
use clusterdock::sink::Sink;

#[derive(Parser)]
struct Arguments {
    #[arg(value_parser = ["start", "fail", "ps", "ls"])]
    what: String,
    #[arg(default_value_t = 2)]
    nodes: usize,
    #[arg(long, value_enum, default_value_t)]
    progress: Progress,
    #[arg(long, value_enum, default_value_t)]
    color: Color,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[arg(short)]
    verbose: bool,
}

fn main() -> ExitCode {
    let Arguments {
        what,
        nodes,
        progress,
        color,
        format,
        verbose,
    } = Arguments::parse();
    let report = Report::new(
        Settings {
            progress,
            color,
            verbose,
        },
        Streams::of_process(),
        Clock::system(),
    );
    let names: Vec<String> = (1..=nodes)
        .map(|number| format!("node-{number}.cluster"))
        .collect();
    let result = match what.as_str() {
        "ps" => report.ps(&[Shown::whole(&cluster(&names))], format),
        "ls" => report.ls(&[cluster(&names)], &[], format),
        _ => start(&report, &names, what == "fail"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report.error(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn start(report: &Report, nodes: &[String], fails: bool) -> Result<()> {
    image(report);
    let (cluster, network) = ("famous_hyades".to_string(), "cluster".to_string());
    report.event(Event::Starting {
        cluster: cluster.clone(),
        network,
        nodes: nodes.to_vec(),
    });
    let queue = Mutex::new(nodes.iter().enumerate());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((index, node)) = queue.lock().ok().and_then(|mut queue| queue.next())
                {
                    run(report, node, index, fails && index + 1 == nodes.len());
                }
            });
        }
    });
    if fails {
        return Err(roll_back(report, &cluster, nodes));
    }
    report.event(Event::Hook {
        hook: "start".into(),
        topology: "nodebase_kerberos".into(),
    });
    for message in [
        "creating the realm",
        "adding principals",
        "waiting for the KDC",
    ] {
        report.event(Event::Progress {
            message: message.into(),
        });
        pause(600);
        report.event(Event::Output {
            source: "node-1.cluster".into(),
            line: format!("\u{1b}[32mdone\u{1b}[0m: {message}"),
        });
    }
    let closing = vec!["The web interface is at http://127.0.0.1:8080".into()];
    report.event(Event::Started {
        cluster,
        total_ms: 1621,
        closing,
    });
    Ok(())
}

fn image(report: &Report) {
    let image = "clusterdock/topology_nodebase:debian12".to_string();
    report.event(Event::Image {
        image: image.clone(),
        phase: ImagePhase::Pulling,
    });
    for step in 1..=20 {
        let (part, status) = ("ab12cd34ef56".into(), "Downloading".into());
        let (current, total) = (Some(step * 6_000_000), Some(120_000_000));
        report.event(Event::Image {
            image: image.clone(),
            phase: ImagePhase::Progress {
                part,
                status,
                current,
                total,
            },
        });
        pause(50);
    }
    report.event(Event::Image {
        image,
        phase: ImagePhase::Ready { took_ms: 1000 },
    });
}

fn run(report: &Report, node: &str, index: usize, fails: bool) {
    let wait = 200 + (index as u64 * 137) % 500;
    let waiting = NodePhase::Waiting {
        probe: "port 22".into(),
    };
    for phase in [NodePhase::Creating, NodePhase::Starting, waiting] {
        report.event(Event::Node {
            node: node.into(),
            phase,
        });
        pause(wait);
    }
    if index == 3 {
        report.event(Event::Warning {
            message: format!("`{node}` has no capability SYS_RESOURCE here"),
        });
    }
    let why = "exited with 1 while port 22 was awaited".into();
    let phase = if fails {
        NodePhase::Failed { why }
    } else {
        NodePhase::Ready
    };
    report.event(Event::Node {
        node: node.into(),
        phase,
    });
}

fn roll_back(report: &Report, cluster: &str, nodes: &[String]) -> Error {
    report.event(Event::RollingBack {
        cluster: cluster.into(),
    });
    report.event(Event::Removing {
        what: format!("cluster {cluster}"),
        containers: nodes.to_vec(),
    });
    for node in nodes {
        pause(100);
        report.event(Event::Removed {
            kind: "container",
            name: node.clone(),
        });
    }
    report.event(Event::Removed {
        kind: "network",
        name: "cluster".into(),
    });
    Error::new(Kind::Node, "node exited with 1 while port 22 was awaited")
        .cause("last lines of its log:\nsshd: no hostkeys available -- exiting.")
        .hint("its whole log is in ~/.clusterdock/logs/famous_hyades")
        .context(format!(
            "failed to start node `{}`",
            nodes.last().map_or("", String::as_str)
        ))
}

fn cluster(names: &[String]) -> Cluster {
    let node = |(index, fqdn): (usize, &String)| Node {
        cluster: "famous_hyades".into(),
        hostname: fqdn.replace(".cluster", ""),
        fqdn: fqdn.clone(),
        name: fqdn.clone(),
        group: "nodes".into(),
        network: "cluster".into(),
        domain: "cluster".into(),
        address: Some(Ipv4Addr::new(10, 0, 0, 2)),
        version: env!("CARGO_PKG_VERSION").into(),
        container: Container {
            id: format!("{index:x}f2825c5964b0d2f1a7be6c0a9d8e7f6051423324150617283940a1b2c3d4e5f"),
            name: fqdn.clone(),
            image: "clusterdock/topology_nodebase:debian12".into(),
            state: State::Running,
            status: "Up 3 minutes".into(),
            ports: if index == 0 {
                vec![port(8080, 80), port(8443, 443)]
            } else {
                Vec::new()
            },
            ..Container::default()
        },
        ..Node::default()
    };
    Cluster {
        name: "famous_hyades".into(),
        state: ClusterState::Running,
        networks: vec!["cluster".into()],
        domains: vec!["cluster".into()],
        topology: "nodebase".into(),
        created: "2026-11-24T08:31:02Z".into(),
        size: names.len(),
        nodes: names.iter().enumerate().map(node).collect(),
    }
}

fn port(host_port: u16, container_port: u16) -> PublishedPort {
    PublishedPort {
        container_port,
        protocol: Default::default(),
        host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host_port,
    }
}

fn pause(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
