use super::*;

const FILE: &str = "<?xml version=\"1.0\"?>\r\n<?xml-stylesheet type=\"text/xsl\" href=\"configuration.xsl\"?>\r\n\
    <!-- <property><name>a</name></property> -->\r\n<configuration>\r\n\
    \t<property><name> a </name><value>1 &amp; <![CDATA[<2>]]></value><final>true</final></property> <!-- one -->\r\n\
    \t<property>\r\n\t\t<name>b</name>\r\n\t\t<value/>\r\n\t\t<description>x > y</description>\r\n\t</property>\r\n\
    \t<property>\r\n\t\t<name>c</name>\r\n\t</property>\r\n\t<!-- end -->\r\n</configuration>\r\n";

#[test]
fn values_are_read_with_entities_and_sections_resolved() {
    let file = HadoopXml::parse(FILE).unwrap();
    assert_eq!(file.to_string(), FILE);
    assert_eq!(file.keys(), ["a", "b", "c"]);
    assert_eq!(file.get("a").as_deref(), Some("1 & <2>"));
    assert_eq!(
        (
            file.get("b").as_deref(),
            file.get("c").as_deref(),
            file.get("d")
        ),
        (Some(""), Some(""), None)
    );
}

#[test]
fn values_are_set_in_place_and_new_ones_added() {
    let mut file = HadoopXml::parse(FILE).unwrap();
    file.set("a", "<é>").unwrap();
    file.set("b", 2).unwrap();
    file.set("c", 3).unwrap();
    file.set("d", 4).unwrap();
    let expected = FILE
        .replace("1 &amp; <![CDATA[<2>]]>", "&lt;&#233;&gt;")
        .replace("<value/>", "<value>2</value>")
        .replace("<name>c</name>", "<name>c</name><value>3</value>")
        .replace(
            "<!-- end -->",
            "<!-- end -->\r\n\t<property>\r\n\t\t<name>d</name>\r\n\t\t<value>4</value>\r\n\t</property>",
        );
    assert_eq!(file.to_string(), expected);
    assert_eq!(file.get("a").as_deref(), Some("<é>"));
    assert!(file.remove("d") && !file.remove("d"));
    assert!(file.remove("a"));
    assert_eq!(file.keys(), ["b", "c"]);
    assert!(file.to_string().contains("<!-- one -->"));
}

#[test]
fn properties_can_be_added_to_an_empty_configuration() {
    for empty in [
        "<configuration/>",
        "<configuration></configuration>",
        "<configuration>\n</configuration>",
    ] {
        let mut file = HadoopXml::parse(empty).unwrap();
        file.set("a", 1).unwrap();
        let property = "  <property>\n    <name>a</name>\n    <value>1</value>\n  </property>";
        assert_eq!(
            file.to_string(),
            format!("<configuration>\n{property}\n</configuration>")
        );
        assert!(file.remove("a"));
        assert_eq!(file.to_string(), "<configuration>\n</configuration>");
    }
}

#[test]
fn the_last_duplicate_counts() {
    let text = "<configuration><property><name>a</name><value>1</value></property>\
        <property><name>a</name><value x='>'>2</value></property></configuration>";
    let mut file = HadoopXml::parse(text).unwrap();
    assert_eq!(file.get("a").as_deref(), Some("2"));
    file.set("a", 3).unwrap();
    assert_eq!(file.to_string(), text.replace(">2<", ">3<"));
    assert!(file.remove("a"));
    assert_eq!(file.to_string(), "<configuration></configuration>");
}

#[test]
fn other_documents_are_refused() {
    assert!(HadoopXml::parse("<configuration>")
        .unwrap_err()
        .to_string()
        .starts_with("invalid XML: "));
    assert!(HadoopXml::parse("").is_err());
    let error = HadoopXml::parse("<a/>").unwrap_err().to_string();
    assert_eq!(error, "its root is `a`, not `configuration`");
    let entity =
        "<!DOCTYPE c [<!ENTITY p '<property><name>a</name></property>'>]><configuration>&p;</configuration>";
    assert!(HadoopXml::parse(entity).is_err());
    assert!(HadoopXml::new().set("a", "\0").is_err());
}
