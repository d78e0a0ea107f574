use super::*;

/// A container with an image that brings a command, variables and a label.
fn old() -> Container {
    Container(json!({
        "Id": "0123456789abcdef",
        "Name": "/shop",
        "Image": "sha256:old",
        "Config": {
            "Hostname": "0123456789ab",
            "User": "",
            "Image": "shop:v213",
            "Env": ["DATABASE_URL=postgres://db", "PATH=/bin", "BUILT_IN=v213"],
            "Cmd": ["serve", "--new"],
            "Entrypoint": null,
            "WorkingDir": "/srv",
            "Labels": { "team": "web", "built": "yesterday", ROLLBACK: "RB-7", IMAGE: "shop:latest" },
            "SomethingNew": { "of": "a later engine" },
        },
        "HostConfig": {
            "Binds": ["/srv/files:/files:ro"],
            "Mounts": [{ "Type": "volume", "Target": "/cache" }],
            "Links": ["/db:/shop/database"],
            "NetworkMode": "front",
            "RestartPolicy": { "Name": "no" },
            "CapAdd": ["NET_ADMIN"],
            "AlsoNew": 7,
        },
        "Mounts": [
            { "Type": "bind", "Source": "/srv/files", "Destination": "/files", "RW": false },
            { "Type": "volume", "Name": "aaaa", "Destination": "/cache", "RW": true },
            { "Type": "volume", "Name": "bbbb", "Destination": "/data", "RW": false },
        ],
        "NetworkSettings": { "Networks": {
            "front": { "Aliases": ["shop", "0123456789ab"], "IPAddress": "10.0.0.9", "MacAddress": "02:42:0a:00:00:09",
                       "IPAMConfig": { "IPv4Address": "10.0.0.9" } },
            "back": { "Aliases": null, "IPAMConfig": {}, "NetworkID": "77" },
        } },
    }))
}

fn old_image() -> Value {
    json!({
        "Env": ["PATH=/bin", "BUILT_IN=v213"],
        "Cmd": ["serve", "--new"],
        "WorkingDir": "/srv",
        "Labels": { "built": "yesterday" },
    })
}

fn recipe<'a>(old: &'a Container, old_image: &'a Value, api: (u32, u32)) -> Recipe<'a> {
    const ALWAYS: &Value = &Value::Null;
    Recipe {
        old,
        old_image,
        image: "sha256:new",
        reference: "shop@sha256:11",
        new_image: ALWAYS,
        restart: ALWAYS,
        rollback: RollbackId::new(41),
        name: "shop",
        api,
    }
}

#[test]
fn what_the_image_brought_goes_and_everything_else_stays() {
    let (old, old_image) = (old(), old_image());
    let body = recipe(&old, &old_image, (1, 41)).body();
    assert_eq!(body["Env"], json!(["DATABASE_URL=postgres://db"]));
    for key in ["Cmd", "WorkingDir", "Hostname"] {
        assert!(body[key].is_null(), "{key}: {}", body[key]);
    }
    assert_eq!(body["Image"], "shop@sha256:11");
    assert_eq!(
        body["Labels"],
        json!({ "team": "web", ROLLBACK: "RB-41", CONTAINER: "shop", IMAGE: "shop:latest" })
    );
    // Nobody here knows these.
    assert_eq!(body["SomethingNew"], json!({ "of": "a later engine" }));
    assert_eq!(body["HostConfig"]["AlsoNew"], 7);
}

#[test]
fn an_own_entry_point_keeps_its_command() {
    let mut own = old();
    own.0["Config"]["Entrypoint"] = json!(["/debug"]);
    let old_image = old_image();
    let mut brought = old_image.clone();
    brought["Cmd"] = json!(["another"]);
    let body = recipe(&own, &brought, (1, 41)).body();
    assert_eq!(body["Entrypoint"], json!(["/debug"]));
    assert_eq!(body["Cmd"], json!(["serve", "--new"]));
}

#[test]
fn volumes_without_a_name_are_found_again() {
    let (old, old_image) = (old(), old_image());
    let host = recipe(&old, &old_image, (1, 41)).host_config();
    assert_eq!(
        host["Binds"],
        json!(["/srv/files:/files:ro", "bbbb:/data:ro"])
    );
    assert_eq!(host["Mounts"][0]["Source"], "aaaa");
    assert_eq!(host["Links"], json!(["db:database"]));
}

#[test]
fn an_older_engine_is_given_one_network_first_and_the_others_afterwards() {
    let (old, old_image) = (old(), old_image());
    let older = recipe(&old, &old_image, (1, 41));
    let front = json!({ "Aliases": ["shop"], "IPAMConfig": { "IPv4Address": "10.0.0.9" } });
    let body = older.body();
    assert_eq!(
        body["NetworkingConfig"]["EndpointsConfig"],
        json!({ "front": front })
    );
    assert_eq!(Value::Object(older.other_networks()), json!({ "back": {} }));
    let newer = recipe(&old, &old_image, (1, 44));
    let networks = &newer.body()["NetworkingConfig"]["EndpointsConfig"];
    assert_eq!(networks["front"]["MacAddress"], "02:42:0a:00:00:09");
    assert!(networks["back"].is_object() && newer.other_networks().is_empty());
}

#[test]
fn a_container_with_somebody_elses_network_has_none_of_its_own() {
    let mut guest = old();
    guest.0["HostConfig"]["NetworkMode"] = json!("container:abc");
    guest.0["Config"]["Hostname"] = json!("theirs");
    let old_image = old_image();
    let body = recipe(&guest, &old_image, (1, 41)).body();
    assert!(body["NetworkingConfig"].is_null());
    assert!(body["Hostname"].is_null());
}

/// The new container as an engine makes it of the body.
fn made(body: &Value) -> Container {
    let mut config = body.clone();
    let host = config["HostConfig"].take();
    config["Hostname"] = json!("fedcba987654");
    Container(json!({
        "Id": "fedcba9876543210",
        "Name": "/shop-RB-41",
        "Image": "sha256:new",
        "Config": config,
        "HostConfig": host,
        "Mounts": old().0["Mounts"],
        "NetworkSettings": { "Networks": {
            "front": { "Aliases": ["fedcba987654", "shop"], "IPAMConfig": { "IPv4Address": "10.0.0.9" } },
            "back": { "Aliases": null, "IPAMConfig": null },
        } },
    }))
}

#[test]
fn whatever_is_lost_is_named() {
    let (old, old_image) = (old(), old_image());
    let recipe = recipe(&old, &old_image, (1, 41));
    let whole = made(&recipe.body());
    assert_eq!(recipe.lost(&whole), Vec::<String>::new());
    let without = |pointer: &str| {
        let mut part = whole.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        part.0.pointer_mut(parent).unwrap()[key] = Value::Null;
        recipe.lost(&part)
    };
    for (pointer, lost) in [
        ("/Config/Env", "Config.Env"),
        ("/Config/Labels/team", "Config.Labels"),
        ("/Config/SomethingNew", "Config.SomethingNew"),
        ("/HostConfig/CapAdd", "HostConfig.CapAdd"),
        ("/HostConfig/AlsoNew", "HostConfig.AlsoNew"),
        ("/HostConfig/Links", "HostConfig.Links"),
        ("/Mounts/2", "the mount at /data"),
        (
            "/NetworkSettings/Networks/front/Aliases",
            "the network front",
        ),
        (
            "/NetworkSettings/Networks/front/IPAMConfig",
            "the network front",
        ),
        ("/Image", "the image"),
    ] {
        let index = pointer == "/Mounts/2";
        let found = match index {
            true => {
                let mut part = whole.clone();
                part.0["Mounts"].as_array_mut().unwrap().pop();
                recipe.lost(&part)
            }
            false => without(pointer),
        };
        assert_eq!(found, [lost], "{pointer}");
    }
    let mut elsewhere = whole.clone();
    let networks = &mut elsewhere.0["NetworkSettings"]["Networks"];
    networks.as_object_mut().unwrap().remove("back");
    assert_eq!(recipe.lost(&elsewhere), ["the network back"]);
    // What an engine fills in by itself is no loss.
    let mut more = whole.clone();
    more.0["HostConfig"]["CgroupnsMode"] = json!("private");
    assert_eq!(recipe.lost(&more), Vec::<String>::new());
}
