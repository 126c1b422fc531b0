//! `.heapprofile` files: a [`Profile`] as the inspector and Chrome `DevTools` write it (`HeapProfiler.SamplingHeapProfile` of
//! the protocol of `DevTools`).

use std::{collections::HashMap, mem, sync::Arc};

use serde::{Deserialize, Serialize};

use super::profiler::{Profile, ProfileNode, Sample};

#[derive(Serialize, Deserialize)]
struct Document {
    head: Node,
    #[serde(default)]
    samples: Vec<SampleEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    call_frame: CallFrame,
    self_size: f64,
    id: u32,
    children: Vec<Self>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallFrame {
    function_name: Arc<str>,
    /// A number as text.
    script_id: String,
    url: Arc<str>,
    /// From 0; -1 when not known.
    line_number: i32,
    /// From 0; -1 when not known.
    column_number: i32,
}

/// `size` is that of all the objects that the sample stands for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SampleEntry {
    size: f64,
    node_id: u32,
    ordinal: u64,
}

/// The text of a `.heapprofile` file; `None` of a profile without a root.
#[must_use]
pub fn to_json(profile: &Profile) -> Option<String> {
    let mut sizes: HashMap<u32, u64> = HashMap::new();
    for sample in &profile.samples {
        *sizes.entry(sample.node).or_default() += sample.size * sample.count;
    }
    let mut children: Vec<Vec<Node>> = Vec::new();
    children.resize_with(profile.nodes.len(), Vec::new);
    let mut head = None;
    // Callers come first, so from the end each node's children are whole when it is reached.
    for (place, node) in profile.nodes.iter().enumerate().rev() {
        let mut own = children.get_mut(place).map(mem::take).unwrap_or_default();
        own.reverse();
        let written = Node {
            call_frame: CallFrame {
                function_name: Arc::clone(&node.function),
                script_id: node.script_id.to_string(),
                url: Arc::clone(&node.script),
                line_number: node.line - 1,
                column_number: node.column - 1,
            },
            self_size: sizes.get(&node.id).copied().unwrap_or_default() as f64,
            id: node.id,
            children: own,
        };
        match node.parent.and_then(|parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(written),
            None => head = Some(written),
        }
    }
    let samples = profile
        .samples
        .iter()
        .map(|sample| SampleEntry {
            size: (sample.size * sample.count) as f64,
            node_id: sample.node,
            ordinal: sample.ordinal,
        })
        .collect();
    serde_json::to_string(&Document { head: head?, samples }).ok()
}

/// What a `.heapprofile` file holds.
///
/// # Errors
/// Where the text is not one.
pub fn from_json(text: &str) -> Result<Profile, serde_json::Error> {
    let mut read = serde_json::Deserializer::from_str(text);
    // The tree is as deep as stacks are, up to 128 frames, of which each takes two levels; serde's own limit is 128.
    read.disable_recursion_limit();
    let Document { head, samples } = Document::deserialize(&mut read)?;
    let mut nodes = Vec::new();
    let mut open = vec![(head, None)];
    while let Some((node, parent)) = open.pop() {
        let place = nodes.len();
        nodes.push(ProfileNode {
            id: node.id,
            parent,
            function: node.call_frame.function_name,
            script: node.call_frame.url,
            script_id: node.call_frame.script_id.parse().unwrap_or_default(),
            line: node.call_frame.line_number + 1,
            column: node.call_frame.column_number + 1,
        });
        open.extend(node.children.into_iter().map(|child| (child, Some(place))));
    }
    let samples = samples
        .into_iter()
        .map(|sample| Sample {
            node: sample.node_id,
            size: crate::shared::number::to_u64(sample.size),
            count: 1,
            ordinal: sample.ordinal,
        })
        .collect();
    Ok(Profile { nodes, samples, is_of_another: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u32, parent: Option<usize>, function: &str, line: i32) -> ProfileNode {
        let script = if line == 0 { "" } else { "/app/\"odd\".js" };
        ProfileNode {
            id,
            parent,
            function: function.into(),
            script: script.into(),
            script_id: line,
            line,
            column: line,
        }
    }

    #[test]
    fn a_profile_comes_back_from_its_file_with_paths_sizes_and_ordinals() {
        let nodes = vec![
            node(1, None, "(root)", 0),
            node(2, Some(0), "a", 10),
            node(5, Some(1), "b", 20),
            node(3, Some(0), "", 30),
        ];
        let samples = vec![
            Sample { node: 5, size: 100, count: 3, ordinal: 7 },
            Sample { node: 5, size: 50, count: 1, ordinal: 9 },
        ];
        let text = to_json(&Profile { nodes, samples, is_of_another: false }).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let b = &value["head"]["children"][0]["children"][0];
        assert_eq!(b["selfSize"], 350.0);
        assert_eq!(b["callFrame"]["lineNumber"], 19);
        assert_eq!(b["callFrame"]["scriptId"], "20");
        let back = from_json(&text).unwrap();
        let names: Vec<_> = back.nodes.iter().map(|node| (&*node.function, node.id)).collect();
        assert_eq!(names, [("(root)", 1), ("", 3), ("a", 2), ("b", 5)]);
        assert_eq!(back.nodes[3].parent, Some(2));
        assert_eq!((back.nodes[3].line, back.nodes[3].column), (20, 20));
        assert_eq!(back.samples[0], Sample { node: 5, size: 300, count: 1, ordinal: 7 });
    }

    #[test]
    fn deep_stacks_are_read() {
        let nodes = (0..200)
            .map(|at: usize| node(u32::try_from(at).unwrap(), at.checked_sub(1), "f", 1))
            .collect();
        let profile = Profile { nodes, ..Profile::default() };
        assert_eq!(from_json(&to_json(&profile).unwrap()).unwrap().nodes.len(), 200);
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        assert_eq!(to_json(&Profile::default()), None);
        for text in ["", "{}", "[]", r#"{"head":{}}"#] {
            assert!(from_json(text).is_err(), "{text}");
        }
    }
}
