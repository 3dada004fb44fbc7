//! The document around the app.

use axum::http::{HeaderValue, header};
use leptos::{nonce::use_nonce, prelude::*};
use leptos_axum::ResponseOptions;
use leptos_meta::MetaTags;

use crate::{App, words::Words};

/// The name's sign, an SVG document.
pub const SIGN: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>\
    <path d='M12 2.6a9.4 9.4 0 1 1-8.2 4.8' fill='none' stroke='#5a7bd8' stroke-width='2.6' stroke-linecap='round'/>\
    <circle cx='12' cy='12' r='3.8' fill='#5a7bd8'/></svg>";

/// The sign as an icon of the browser's tab. Inline, so that a page needs no file for it.
fn icon() -> String {
    let escaped = SIGN.replace('<', "%3C").replace('>', "%3E").replace('#', "%23");
    format!("data:image/svg+xml,{escaped}")
}

/// The document: head, style sheet, scripts, app.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    restrict();
    view! {
        <!DOCTYPE html>
        <html lang=Words::of_page().language().tag()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href=icon()/>
                <link rel="stylesheet" href=format!("/{}/{}.css", options.site_pkg_dir, options.output_name)/>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// What the page may load and run: its own files, and the scripts of this very response.
///
/// Lives here and not with the other headers, since it names the nonce that the scripts were rendered
/// with. `style-src-attr` is for the widths of the bar's segments.
fn restrict() {
    if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
        let policy = format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
             style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        // It is said in the language that the browser asks for.
        response.append_header(header::VARY, HeaderValue::from_static("accept-language"));
        // A page is true only now: going back to it must ask again.
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
