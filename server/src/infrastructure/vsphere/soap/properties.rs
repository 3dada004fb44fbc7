//! Reads properties of managed objects, page by page, and lists objects through container views.

use std::slice::from_ref;

use roxmltree::Node;

use super::answer;
use super::session::{Session, Transient};
use super::xml::{ObjectRef, Request, Writer};
use crate::infrastructure::vsphere::api::{ApiError, Fault};

/// How many objects a page has. Large enough for few round trips, small enough for a bounded answer.
const PAGE_OBJECTS: u32 = 200;

/// Which properties are read of the objects of one type.
pub(super) struct PropertySet<'a> {
    pub(super) kind: &'a str,
    pub(super) paths: &'a [&'a str],
}

/// One object with the properties that were found.
pub(super) struct Properties<'a, 'input> {
    pub(super) object: ObjectRef,
    values: Vec<(&'a str, Node<'a, 'input>)>,
    missing: Vec<Fault>,
}

impl<'a, 'input> Properties<'a, 'input> {
    pub(super) fn read(content: Node<'a, 'input>) -> Option<Self> {
        let object = answer::reference(answer::child(content, "obj")?)?;
        let values = answer::children(content, "propSet")
            .filter_map(|set| Some((answer::text(set, "name")?, answer::child(set, "val")?)))
            .collect();
        let missing = answer::children(content, "missingSet")
            .filter_map(|set| answer::child(set, "fault"))
            .map(answer::localized_fault)
            .collect();
        Some(Self { object, values, missing })
    }

    pub(super) fn get(&self, path: &str) -> Option<Node<'a, 'input>> {
        self.values.iter().find(|(name, _)| *name == path).map(|(_, value)| *value)
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.get(path).and_then(answer::value)
    }

    pub(super) fn flag(&self, path: &str) -> bool {
        self.get(path).is_some_and(answer::flag)
    }

    pub(super) fn number(&self, path: &str) -> Option<u32> {
        self.get(path).and_then(answer::number)
    }

    pub(super) fn reference(&self, path: &str) -> Option<ObjectRef> {
        self.get(path).and_then(answer::reference)
    }

    /// Why a property may not be read by this account, if one may not.
    pub(super) fn forbidden(&self) -> Option<&Fault> {
        self.missing.iter().find(|fault| fault.kind == "NoPermission")
    }
}

/// Writes a `PropertyFilterSpec`: these properties, of these objects or of all that a view lists.
pub(super) fn write_filter_spec(
    writer: &mut Writer,
    name: &str,
    sets: &[PropertySet<'_>],
    objects: &[ObjectRef],
) {
    writer.element(name, |writer| {
        for set in sets {
            writer.element("propSet", |writer| {
                writer.text("type", set.kind);
                for path in set.paths {
                    writer.text("pathSet", path);
                }
            });
        }
        for object in objects {
            writer.element("objectSet", |writer| write_object_spec(writer, object));
        }
        // One that was deleted must not hide the others.
        if objects.len() > 1 {
            writer.flag("reportMissingObjectsInResults", true);
        }
    });
}

fn write_object_spec(writer: &mut Writer, object: &ObjectRef) {
    writer.reference("obj", object);
    if object.kind == "ContainerView" {
        writer.flag("skip", true);
        writer.typed("selectSet", "TraversalSpec", |writer| {
            writer.text("name", "view");
            writer.text("type", "ContainerView");
            writer.text("path", "view");
            writer.flag("skip", false);
        });
    }
}

/// Reads properties of objects, or of all that a view lists, and hands each object to `each`.
///
/// A single object that does not exist is a fault; one of several is left out.
///
/// A session that vCenter has forgotten is a fault here too, though vCenter answers with a success
/// in which every property is missing.
pub(super) async fn retrieve(
    session: &Session,
    sets: &[PropertySet<'_>],
    objects: &[ObjectRef],
    mut each: impl FnMut(&Properties<'_, '_>),
) -> Result<(), ApiError> {
    let collector = &session.content.property_collector;
    let mut request = Request::new("RetrievePropertiesEx", collector, |writer| {
        write_filter_spec(writer, "specSet", sets, objects);
        writer.element("options", |writer| writer.number("maxObjects", PAGE_OBJECTS));
    });
    loop {
        let operation = request.method;
        let page = session.call(request, |response| Some(read_page(response, &mut each))).await?;
        let token = page.map_err(|fault| ApiError::Fault { operation, fault })?;
        let Some(token) = token else { return Ok(()) };
        request = Request::new("ContinueRetrievePropertiesEx", collector, |writer| {
            writer.text("token", &token);
        });
    }
}

/// Reads a page, and answers the token by which the next one is asked for.
fn read_page(
    response: Node<'_, '_>,
    each: &mut impl FnMut(&Properties<'_, '_>),
) -> Result<Option<String>, Fault> {
    let Some(result) = answer::child(response, "returnval") else { return Ok(None) };
    for content in answer::children(result, "objects") {
        let Some(properties) = Properties::read(content) else { continue };
        let logged_out = properties.missing.iter().find(|fault| fault.kind == "NotAuthenticated");
        if let Some(fault) = logged_out {
            return Err(fault.clone());
        }
        each(&properties);
    }
    Ok(answer::text(result, "token").map(str::to_owned))
}

/// Reads properties of everything of some types below a container, at any depth.
pub(super) async fn retrieve_below(
    session: &Session,
    container: &ObjectRef,
    sets: &[PropertySet<'_>],
    each: impl FnMut(&Properties<'_, '_>),
) -> Result<(), ApiError> {
    let request = Request::new("CreateContainerView", &session.content.view_manager, |writer| {
        writer.reference("container", container);
        for set in sets {
            writer.text("type", set.kind);
        }
        writer.flag("recursive", true);
    });
    let view = Transient::create(session, request, "DestroyView").await?;
    retrieve(session, sets, from_ref(view.object()), each).await
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::super::xml::XSI;
    use super::*;

    type Page = (Vec<(String, Option<String>)>, Option<String>);

    fn page(objects: &str) -> Result<Page, Fault> {
        let text =
            format!("<R xmlns='urn:vim25' xmlns:x='{XSI}'><returnval>{objects}</returnval></R>");
        let document = Document::parse(&text).expect("well-formed");
        let mut seen = Vec::new();
        let token = read_page(document.root_element(), &mut |object| {
            seen.push((object.object.value.clone(), object.text("name").map(str::to_owned)));
        })?;
        Ok((seen, token))
    }

    #[test]
    fn a_page_has_objects_and_maybe_a_token() {
        let objects = "<token>t&amp;1</token>\
            <objects><obj type='VirtualMachine'>vm-1</obj>\
            <propSet><name>name</name><val x:type='xsd:string'>a</val></propSet></objects>\
            <objects><obj type='VirtualMachine'>vm-2</obj>\
            <missingSet><path>config.annotation</path><fault><fault x:type='InvalidProperty'/>\
            <localizedMessage/></fault></missingSet></objects>";
        let (seen, token) = page(objects).expect("a page");
        assert_eq!(seen, [("vm-1".to_owned(), Some("a".to_owned())), ("vm-2".to_owned(), None)]);
        assert_eq!(token.as_deref(), Some("t&1"));
        assert_eq!(page("").expect("empty"), (vec![], None));
    }

    #[test]
    fn a_forgotten_session_is_a_fault() {
        let objects = "<objects><obj type='VirtualMachine'>vm-1</obj><missingSet>\
            <path>name</path><fault><fault x:type='NotAuthenticated'/><localizedMessage/></fault>\
            </missingSet></objects>";
        assert_eq!(page(objects).expect_err("logged out").kind, "NotAuthenticated");
    }

    #[test]
    fn a_forbidden_property_is_told() {
        let text = format!(
            "<objects xmlns:x='{XSI}'><obj type='VirtualMachine'>vm-1</obj><missingSet>\
             <path>config.extraConfig</path><fault><fault x:type='NoPermission'/>\
             <localizedMessage/></fault></missingSet></objects>"
        );
        let document = Document::parse(&text).expect("well-formed");
        let properties = Properties::read(document.root_element()).expect("an object");
        assert_eq!(properties.forbidden().map(|fault| fault.kind.as_str()), Some("NoPermission"));
    }
}
