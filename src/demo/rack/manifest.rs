//! As much of `convox.yml` as the demo needs: the names of the services.

/// The keys right under the top-level `services:`. An empty list when there are none.
pub fn services(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = None;
    let lines =
        manifest.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    for line in lines.skip_while(|line| line.trim_end() != "services:").skip(1) {
        let indent = line.len() - line.trim_start().len();
        if indent == 0 {
            break;
        }
        if indent == *depth.get_or_insert(indent)
            && let Some((name, _)) = line.trim_start().split_once(':')
        {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::services;

    #[test]
    fn finds_services_only() {
        let text = "environment:\n  - A=1\nservices:\n    # comment\n    web:\n        port: 3000\n\n    worker: {}\nresources:\n  db:\n";
        assert_eq!(services(text), ["web", "worker"]);
        for none in ["", "services:\n", "resources:\n  db:\n    type: postgres\n", "\u{0}\u{1}"] {
            assert!(services(none).is_empty(), "{none:?}");
        }
    }
}
