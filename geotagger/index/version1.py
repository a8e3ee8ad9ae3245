"""The tables of the index as they were first made. What later versions add stands in their own modules.

Takes an open database, knows nothing of files.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlite_utils import Database

TABLES: dict[str, dict[str, Any]] = {
    "roots": {"id": int, "path": str, "added": str, "walked": str},
    "folders": {"id": int, "root_id": int, "path": str, "digest": int},
    "models": {"id": int, "name": str, "version": str, "digest": str},
    "runs": {
        "id": int,
        "name": str,
        "command": str,
        "arguments": str,
        "model_id": int,
        "started": str,
        "ended": str,
        "status": str,
        "counts": str,
        "machine": str,
        "process": str,
    },
    "photos": {
        "id": int,
        "root_id": int,
        "folder_id": int,
        "path": str,
        "size": int,
        "mtime_ns": int,
        "sidecar_mtime_ns": int,
        "device": int,
        "inode": int,
        "fingerprint": bytes,
        "missing_since": str,
        "error": str,
        "utc": float,
        "utc_error_s": float,
        "format": str,
        "width": int,
        "height": int,
        "orientation": int,
        "taken": str,
        "utc_offset_s": float,
        "camera": str,
        "gps_utc": str,
        "fix_latitude": float,
        "fix_longitude": float,
        "fix_altitude_m": float,
        "fix_error_m": float,
        "fix_dop": float,
        "fix_dimensions": int,
        "fix_utc": str,
        "fix_mark": str,
        "not_a_photo": str,
        "problems": str,
    },
    "estimates": {
        "id": int,
        "photo_id": int,
        "rung": str,
        "current": int,
        "latitude": float,
        "longitude": float,
        "leaf": int,
        "cell": str,
        "cell_level": int,
        "radius_km": float,
        "confidence": float,
        "rungs": str,
        "evidence": str,
        "model_id": int,
        "run_id": int,
        "written": str,
    },
    "candidates": {
        "estimate_id": int,
        "place": int,
        "latitude": float,
        "longitude": float,
        "probability": float,
        "cell": str,
    },
    "posteriors": {"photo_id": int, "model_id": int, "classes": bytes, "probabilities": bytes},
    "journal": {"id": int, "run_id": int, "photo_id": int, "path": str, "edit": bytes, "state": str},
    "learned": {"root_id": int, "key": str, "value": str, "updated": str},
}

_NOT_NULL: dict[str, set[str]] = {
    "roots": {"path"},
    "folders": {"root_id", "path"},
    "models": {"name", "version", "digest"},
    "runs": {"name", "command", "started", "status"},
    "photos": {"root_id", "folder_id", "path", "size", "mtime_ns", "sidecar_mtime_ns"},
    "estimates": {"photo_id", "rung", "current", "latitude", "longitude", "leaf", "radius_km", "confidence"},
    "candidates": {"latitude", "longitude", "probability", "cell"},
    "posteriors": {"classes", "probabilities"},
    "journal": {"run_id", "path", "edit", "state"},
    "learned": {"value"},
}

_PRIMARY_KEYS: dict[str, str | tuple[str, ...]] = {
    "candidates": ("estimate_id", "place"),
    "posteriors": ("photo_id", "model_id"),
    "learned": ("root_id", "key"),
}

_FOREIGN_KEYS: dict[str, list[tuple[str, str, str]]] = {
    "folders": [("root_id", "roots", "id")],
    "runs": [("model_id", "models", "id")],
    "photos": [("root_id", "roots", "id"), ("folder_id", "folders", "id")],
    "estimates": [("photo_id", "photos", "id"), ("model_id", "models", "id"), ("run_id", "runs", "id")],
    "candidates": [("estimate_id", "estimates", "id")],
    "posteriors": [("photo_id", "photos", "id"), ("model_id", "models", "id")],
    "journal": [("run_id", "runs", "id")],
    "learned": [("root_id", "roots", "id")],
}

_UNIQUE = {
    "roots": ("path",),
    "folders": ("root_id", "path"),
    "models": ("digest",),
    "runs": ("name",),
    "photos": ("folder_id", "path"),
}

_INDEXES = """
create index photos_in_time on photos (root_id, utc) where missing_since is null;
create index photos_moved on photos (mtime_ns, size);
create index photos_failed on photos (root_id) where error is not null;
create index estimates_of_photo on estimates (photo_id);
create index estimates_near on estimates (leaf) where current = 1;
create index estimates_of_run on estimates (run_id);
create index journal_of_run on journal (run_id);
create index journal_of_photo on journal (photo_id);
create index journal_pending on journal (id) where state = 'intended';
"""

# A folder's digest stands for the names, sizes and times of its photos as recorded; whatever
# changes one of these takes the digest away, so that it can never be stale.
_TRIGGERS = """
create trigger photos_added after insert on photos begin
  update folders set digest = null where id = new.folder_id and digest is not null;
end;
create trigger photos_changed
after update of folder_id, path, size, mtime_ns, sidecar_mtime_ns, missing_since on photos begin
  update folders set digest = null where id in (old.folder_id, new.folder_id) and digest is not null;
end;
create trigger photos_removed after delete on photos begin
  update folders set digest = null where id = old.folder_id and digest is not null;
end;
"""

_VIEW = """
select photos.id as photo_id, roots.path || '/' || photos.path as path, photos.taken, photos.camera,
  estimates.latitude, estimates.longitude, estimates.radius_km, estimates.confidence,
  estimates.rung, estimates.cell, models.name as model, estimates.written, runs.name as run
from estimates
join photos on photos.id = estimates.photo_id
join roots on roots.id = photos.root_id
left join models on models.id = estimates.model_id
left join runs on runs.id = estimates.run_id
where estimates.current = 1 and photos.missing_since is null
"""


def create(db: "Database") -> None:
    for name, columns in TABLES.items():
        db.create_table(
            name,
            columns,
            pk=_PRIMARY_KEYS.get(name, "id"),
            not_null=_NOT_NULL[name],
            foreign_keys=_FOREIGN_KEYS.get(name, []),
        )
        if unique := _UNIQUE.get(name):
            db.table(name).create_index(unique, unique=True)
    for statement in _INDEXES.strip().split(";\n"):
        db.execute(statement.rstrip(";"))
    for trigger in _TRIGGERS.strip().split("end;\n"):
        db.execute(trigger.removesuffix("end;") + "end")
    db.create_view("positions", _VIEW)
