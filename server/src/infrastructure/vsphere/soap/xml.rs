//! Writes requests: XML with every value escaped, elements in the order in which they are written.
//!
//! A real vCenter refuses elements that are out of its schema's order, so the callers write them in
//! that order, and their tests hold it.

use crate::domain::ids::MoRef;

/// The namespace of `xsi:type`.
pub(super) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A reference to a managed object: its type and its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ObjectRef {
    pub(super) kind: String,
    pub(super) value: String,
}

impl ObjectRef {
    pub(super) fn new(kind: &str, value: &str) -> Self {
        Self { kind: kind.to_owned(), value: value.to_owned() }
    }

    pub(super) fn vm(vm: &MoRef) -> Self {
        Self::new("VirtualMachine", &vm.0)
    }

    pub(super) fn moref(&self) -> MoRef {
        MoRef(self.value.clone())
    }
}

/// One call: the method's name, and the envelope that asks for it.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) body: String,
}

impl Request {
    /// `write` writes the parameters that follow `_this`.
    pub(super) fn new(
        method: &'static str,
        this: &ObjectRef,
        write: impl FnOnce(&mut Writer),
    ) -> Self {
        let mut writer = Writer::default();
        writer.start(method, &[("xmlns", "urn:vim25")]);
        writer.reference("_this", this);
        write(&mut writer);
        writer.end(method);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"{XSI}\">\
             <soapenv:Body>{}</soapenv:Body></soapenv:Envelope>",
            writer.text
        );
        Self { method, body }
    }
}

/// Writes elements.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
}

impl Writer {
    /// An element that holds text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.start(name, &[]);
        escape(&mut self.text, value);
        self.end(name);
    }

    /// An element that holds a number.
    pub(super) fn number(&mut self, name: &str, value: impl Into<i64>) {
        self.text(name, &value.into().to_string());
    }

    /// An element that holds a boolean.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.text(name, if value { "true" } else { "false" });
    }

    /// An element that refers to a managed object.
    pub(super) fn reference(&mut self, name: &str, object: &ObjectRef) {
        self.start(name, &[("type", &object.kind)]);
        escape(&mut self.text, &object.value);
        self.end(name);
    }

    /// An element that holds others.
    pub(super) fn element(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.start(name, &[]);
        write(self);
        self.end(name);
    }

    /// An element that holds others, of a type that the schema leaves open.
    pub(super) fn typed(&mut self, name: &str, kind: &str, write: impl FnOnce(&mut Self)) {
        self.start(name, &[("xsi:type", kind)]);
        write(self);
        self.end(name);
    }

    /// A text whose type the schema leaves open.
    pub(super) fn any_string(&mut self, name: &str, value: &str) {
        self.typed(name, "xsd:string", |writer| escape(&mut writer.text, value));
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (attribute, value) in attributes {
            self.text.push(' ');
            self.text.push_str(attribute);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self.text.push('>');
    }

    fn end(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&apos;"),
            // A reader turns a bare one into a line feed.
            '\r' => text.push_str("&#13;"),
            '\n' | '\t' => text.push(character),
            // XML 1.0 has no way to write these.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_was() {
        let odd = "a<b>&\"c'\r\n\td]]> ü";
        let request = Request::new("Do", &ObjectRef::new("VirtualMachine", odd), |writer| {
            writer.text("name", odd);
            writer.any_string("value", odd);
        });
        let document = roxmltree::Document::parse(&request.body).expect("well-formed");
        let texts: Vec<_> = document
            .descendants()
            .filter(|node| node.is_element() && !node.has_children_elements())
            .filter_map(|node| node.text())
            .collect();
        assert_eq!(texts, [odd, odd, odd]);
    }

    trait Children {
        fn has_children_elements(&self) -> bool;
    }

    impl Children for roxmltree::Node<'_, '_> {
        fn has_children_elements(&self) -> bool {
            self.children().any(|child| child.is_element())
        }
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let request = Request::new("Do", &ObjectRef::new("T", "v"), |writer| {
            writer.text("name", "a\u{0}b\u{1b}c\u{ffff}");
        });
        let document = roxmltree::Document::parse(&request.body).expect("well-formed");
        let name = document.descendants().find(|node| node.has_tag_name(("urn:vim25", "name")));
        assert_eq!(name.and_then(|node| node.text()), Some("a\u{fffd}b\u{fffd}c\u{fffd}"));
    }

    #[test]
    fn a_request_says_its_types() {
        let request = Request::new("Do", &ObjectRef::new("Task", "task-1"), |writer| {
            writer.flag("on", true);
            writer.number("n", 7);
            writer.typed("spec", "Spec", |writer| writer.text("a", "b"));
        });
        assert!(request.body.contains(
            "<Do xmlns=\"urn:vim25\"><_this type=\"Task\">task-1</_this><on>true</on><n>7</n>\
             <spec xsi:type=\"Spec\"><a>b</a></spec></Do>"
        ));
    }
}
