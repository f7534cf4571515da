//! Media types of request bodies.

use lambda_http::http::HeaderValue;
use mediatype::{
    MediaType,
    names::{APPLICATION, JSON},
};

/// Returns whether a `Content-Type` is `application/json`, in any spelling that RFC
/// 9110 (section 8.3.1) allows. JSON defines no parameters (RFC 8259, section 11),
/// so all are ignored. Types that end in `+json` are other formats.
pub(crate) fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(text) = content_type.to_str() else {
        return false;
    };
    MediaType::parse(text.trim_matches([' ', '\t'])).is_ok_and(|media_type| {
        media_type.ty == APPLICATION && media_type.subty == JSON && media_type.suffix.is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(content_type: &'static str) -> bool {
        is_json(&HeaderValue::from_static(content_type))
    }

    #[test]
    fn json_is_accepted_in_every_spelling() {
        for content_type in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=utf-8",
            "application/json ; charset=utf-8",
            "application/json\t;\tcharset=UTF-8",
            "application/json ;charset=\"utf-8\"",
            "application/json; charset=utf-8 ; version=1",
            "application/json; profile=\"a; b, \\\"c\\\"\"",
            "application/json;",
            "application/json ; ",
            " application/json ",
        ] {
            assert!(accepted(content_type), "{content_type:?}");
        }
    }

    #[test]
    fn other_types_are_rejected() {
        for content_type in [
            "",
            "json",
            "application",
            "application/",
            "application/jsonp",
            "application/json5",
            "application/vnd.api+json",
            "application/json+json",
            "application/*",
            "*/*",
            "text/json",
            "text/plain",
            "text/plain; a=\"application/json\"",
            "application/x-www-form-urlencoded",
            "application /json",
            "application/ json",
            "application/json charset=utf-8",
            // Sent twice, as API Gateway hands it over.
            "application/json,application/json",
            "application/json, text/plain",
            "text/plain,application/json",
            "application/json; charset=utf-8,text/plain",
            "application/json; charset=\"utf-8\",text/plain; charset=\"utf-8\"",
        ] {
            assert!(!accepted(content_type), "{content_type:?}");
        }
        assert!(!is_json(
            &HeaderValue::from_bytes(b"application/json\xff").unwrap()
        ));
    }
}
