//! Reads answers: elements by their local name, types by `xsi:type` in its namespace, faults.
//!
//! Tolerant on purpose. vCenters and their simulators differ in prefixes, in what they leave out, and
//! in whether an element is empty or missing; only what is asked for must be there.

use roxmltree::{Attribute, Document, Node};

use super::xml::{ObjectRef, XSI};
use crate::domain::ids::MoRef;
use crate::infrastructure::vsphere::api::Fault;

/// The longest message of vCenter that is passed on, in characters: it is shown to people, in one line.
const MESSAGE_CHARS_MAX: usize = 500;

/// What the body of an answer holds.
pub(super) enum Body<'a, 'input> {
    /// The `…Response` element.
    Response(Node<'a, 'input>),
    /// A fault.
    Fault(Fault),
}

/// Finds the body of a SOAP answer; `None` when it is something else.
pub(super) fn body<'a, 'input>(document: &'a Document<'input>) -> Option<Body<'a, 'input>> {
    let content = child(document.root_element(), "Body")?.first_element_child()?;
    Some(match name(content) {
        "Fault" => Body::Fault(soap_fault(content)),
        _ => Body::Response(content),
    })
}

/// An element's name without its prefix.
pub(super) fn name<'a>(node: Node<'a, '_>) -> &'a str {
    node.tag_name().name()
}

/// The first child element of that name.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, wanted: &str) -> Option<Node<'a, 'input>> {
    children(node, wanted).next()
}

/// The child elements of that name.
pub(super) fn children<'a, 'input>(
    node: Node<'a, 'input>,
    wanted: &str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == wanted)
}

/// The text of the first child element of that name; `None` when it is missing or empty.
pub(super) fn text<'a>(node: Node<'a, '_>, wanted: &str) -> Option<&'a str> {
    child(node, wanted).and_then(value)
}

/// An element's own text; `None` when it is empty.
pub(super) fn value<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.text().filter(|text| !text.is_empty())
}

/// The number that an element holds.
pub(super) fn number<T: std::str::FromStr>(node: Node<'_, '_>) -> Option<T> {
    value(node)?.trim().parse().ok()
}

/// Whether an element holds `true`.
pub(super) fn flag(node: Node<'_, '_>) -> bool {
    matches!(value(node).map(str::trim), Some("true" | "1"))
}

/// The type that an element says it has, without its prefix.
pub(super) fn kind<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    let kind = node.attribute((XSI, "type"))?;
    Some(kind.rsplit(':').next().unwrap_or(kind))
}

/// The managed object that an element refers to.
///
/// A value of an open type has both `xsi:type="ManagedObjectReference"` and a plain `type`; only the
/// plain one is the object's. The value may hold any character.
pub(super) fn reference(node: Node<'_, '_>) -> Option<ObjectRef> {
    // Looked up by name alone, the attribute of the other namespace would be found, too.
    let is_plain_type = |attribute: &Attribute<'_, '_>| {
        attribute.namespace().is_none() && attribute.name() == "type"
    };
    let kind = node.attributes().find(is_plain_type)?.value();
    Some(ObjectRef::new(kind, value(node)?))
}

/// The object that the `returnval` of a response refers to; `None` when there is none.
pub(super) fn returned_reference(response: Node<'_, '_>) -> Option<ObjectRef> {
    child(response, "returnval").and_then(reference)
}

/// The objects in an `ArrayOfManagedObjectReference`.
pub(super) fn references(array: Node<'_, '_>) -> Vec<ObjectRef> {
    children(array, "ManagedObjectReference").filter_map(reference).collect()
}

/// The task that a `…_Task` method started.
pub(super) fn returned_task(response: Node<'_, '_>) -> Option<MoRef> {
    returned_reference(response).map(|task| task.moref())
}

/// A `soapenv:Fault`.
fn soap_fault(fault: Node<'_, '_>) -> Fault {
    let detail = child(fault, "detail").and_then(|detail| detail.first_element_child());
    describe(detail, text(fault, "faultstring"))
}

/// A `LocalizedMethodFault`, as tasks and missing properties have them.
pub(super) fn localized_fault(node: Node<'_, '_>) -> Fault {
    describe(child(node, "fault"), text(node, "localizedMessage"))
}

/// A task that failed without saying why.
pub(super) fn unknown_fault() -> Fault {
    describe(None, None)
}

fn describe(detail: Option<Node<'_, '_>>, words: Option<&str>) -> Fault {
    let kind = detail
        .map(|detail| {
            let named = name(detail);
            kind(detail).unwrap_or(named.strip_suffix("Fault").unwrap_or(named))
        })
        .filter(|kind| !kind.is_empty())
        .unwrap_or("RuntimeFault");
    let existing_state = detail.and_then(|detail| text(detail, "existingState"));
    Fault {
        kind: kind.to_owned(),
        message: words.and_then(sentence).unwrap_or_else(|| kind.to_owned()),
        existing_state: existing_state.map(str::to_owned),
    }
}

/// A message in one line; `None` when it is no text for people (one word is a program's name for it).
fn sentence(words: &str) -> Option<String> {
    let line = one_line(words);
    line.contains(' ').then(|| line.chars().take(MESSAGE_CHARS_MAX).collect())
}

/// A text with its line breaks, and runs of blanks, turned into single blanks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(detail: &str, words: &str) -> Fault {
        let text = format!(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' \
             xmlns:i='{XSI}'><s:Body><s:Fault><faultcode>ServerFaultCode</faultcode>\
             <faultstring>{words}</faultstring><detail>{detail}</detail></s:Fault></s:Body></s:Envelope>"
        );
        let document = Document::parse(&text).expect("well-formed");
        match body(&document).expect("a body") {
            Body::Fault(fault) => fault,
            Body::Response(_) => panic!("not a fault"),
        }
    }

    #[test]
    fn a_fault_is_known_by_its_type() {
        let both = fault(
            "<InvalidPowerStateFault xmlns='urn:vim25' i:type='InvalidPowerState'>\
             <requestedState>poweredOn</requestedState><existingState>poweredOn</existingState>\
             </InvalidPowerStateFault>",
            "The attempted operation\n cannot be performed.",
        );
        assert_eq!(both.kind, "InvalidPowerState");
        assert_eq!(both.existing_state.as_deref(), Some("poweredOn"));
        assert_eq!(both.message, "The attempted operation cannot be performed.");

        assert_eq!(fault("<v:InvalidLoginFault xmlns:v='urn:vim25'/>", "").kind, "InvalidLogin");
        assert_eq!(fault("<x i:type='vim25:NoPermission'/>", "").kind, "NoPermission");
        assert_eq!(fault("", "out of memory").kind, "RuntimeFault");
    }

    #[test]
    fn a_message_that_is_no_sentence_gives_way_to_the_type() {
        let detail = "<a i:type='DuplicateName'><existingState/></a>";
        assert_eq!(fault(detail, "*types.DuplicateName").message, "DuplicateName");
        assert_eq!(fault(detail, "").message, "DuplicateName");
        assert_eq!(fault(detail, "").existing_state, None);
        assert_eq!(fault(detail, &"a ".repeat(1000)).message.chars().count(), MESSAGE_CHARS_MAX);
    }

    #[test]
    fn a_reference_has_the_plain_type_and_any_value() {
        let text = format!(
            "<val xmlns:p='{XSI}' p:type='ManagedObjectReference' type='Datastore'>/tmp/a-b@c[1]</val>"
        );
        let document = Document::parse(&text).expect("well-formed");
        assert_eq!(kind(document.root_element()), Some("ManagedObjectReference"));
        assert_eq!(
            reference(document.root_element()),
            Some(ObjectRef::new("Datastore", "/tmp/a-b@c[1]"))
        );
    }

    #[test]
    fn empty_is_as_good_as_missing() {
        let document = Document::parse("<a><b/><c></c><d>1</d></a>").expect("well-formed");
        let root = document.root_element();
        assert_eq!(
            ["b", "c", "d", "e"].map(|name| text(root, name)),
            [None, None, Some("1"), None]
        );
    }

    #[test]
    fn what_is_no_envelope_has_no_body() {
        let document = Document::parse("<html><body>no</body></html>").expect("well-formed");
        assert!(body(&document).is_none());
    }
}
