import { type Brand, CasemateError } from "@casemate/core";
import koffi, { type LibraryHandle } from "koffi";

/** A pointer to one of libvirt's objects: an address, good in every thread of this process. */
export type VirConnect = Brand<bigint, "virConnectPtr">;
export type VirDomain = Brand<bigint, "virDomainPtr">;
export type VirDomainSnapshot = Brand<bigint, "virDomainSnapshotPtr">;
export type VirNetwork = Brand<bigint, "virNetworkPtr">;
export type VirStoragePool = Brand<bigint, "virStoragePoolPtr">;
export type VirStorageVol = Brand<bigint, "virStorageVolPtr">;
export type VirStream = Brand<bigint, "virStreamPtr">;

/** Any other address: a C array, a function. */
export type Address = Brand<bigint, "address">;

/** An `_Out_` argument: libvirt puts the value into the one element. */
export type Out<T> = [T];

/** A C integer of 64 bits: `bigint` when a double cannot hold it. */
export type Wide = number | bigint;

export interface VirDomainInfo {
  readonly state: number;
  readonly maxMem: Wide;
  readonly memory: Wide;
  readonly nrVirtCpu: number;
  readonly cpuTime: Wide;
}

export interface VirStoragePoolInfo {
  readonly state: number;
  readonly capacity: Wide;
  readonly allocation: Wide;
  readonly available: Wide;
}

export interface VirStorageVolInfo {
  readonly type: number;
  readonly capacity: Wide;
  readonly allocation: Wide;
}

/** The fields that count for every kind of job. */
export interface VirDomainJobInfo {
  readonly type: number;
  readonly timeElapsed: Wide;
  readonly dataTotal: Wide;
  readonly dataProcessed: Wide;
  readonly memTotal: Wide;
  readonly memProcessed: Wide;
  readonly fileTotal: Wide;
  readonly fileProcessed: Wide;
}

export interface VirDomainControlInfo {
  readonly state: number;
  readonly details: number;
}

interface VirTypedParameter {
  readonly field: string;
  readonly type: number;
  /** The union's eight bytes. */
  readonly value: Wide;
}

export interface VirError {
  readonly code: number;
  readonly domain: number;
  readonly message: string | null;
  readonly level: number;
  readonly int1: number;
}

type Flags = number;
type OnDomain<A extends unknown[] = []> = (dom: VirDomain, ...args: A) => number;
type DomainText<A extends unknown[] = []> = (dom: VirDomain, ...args: A) => string | null;
type ListAll<T> = (conn: VirConnect, list: Out<Address | T | null>, flags: Flags) => number;

/**
 * The C prototypes of libvirt.so.0, as the headers of libvirt 9.0 have them; every one has been there
 * since libvirt 6.0.
 *
 * `char *!` is a string that the caller owns: koffi copies it and calls free().
 */
function bindLibvirt(library: LibraryHandle) {
  const c = <F extends (...args: never[]) => unknown>(prototype: string): F =>
    library.func(prototype) as unknown as F; // koffi's functions are untyped; F is the C prototype beside it
  return {
    // libvirt.h, virterror.h
    virInitialize: c<() => number>("int virInitialize()"),
    virSetErrorFunc: c<(data: null, handler: Address) => void>(
      "void virSetErrorFunc(void *userData, void *handler)",
    ),
    virGetLastError: c<() => Address | null>("void *virGetLastError()"),

    // libvirt-event.h
    virEventRegisterDefaultImpl: c<() => number>("int virEventRegisterDefaultImpl()"),
    virEventRunDefaultImpl: c<() => number>("int virEventRunDefaultImpl()"),
    virEventAddTimeout: c<(ms: number, cb: Address, opaque: null, free: null) => number>(
      "int virEventAddTimeout(int frequency, void *cb, void *opaque, void *ff)",
    ),
    virEventUpdateTimeout: c<(timer: number, ms: number) => void>(
      "void virEventUpdateTimeout(int timer, int frequency)",
    ),
    virEventRemoveTimeout: c<(timer: number) => number>("int virEventRemoveTimeout(int timer)"),

    // libvirt-host.h
    virConnectOpen: c<(uri: string) => VirConnect | null>("void *virConnectOpen(const char *name)"),
    virConnectOpenReadOnly: c<(uri: string) => VirConnect | null>(
      "void *virConnectOpenReadOnly(const char *name)",
    ),
    virConnectClose: c<(conn: VirConnect) => number>("int virConnectClose(void *conn)"),
    virConnectIsAlive: c<(conn: VirConnect) => number>("int virConnectIsAlive(void *conn)"),
    virConnectSetKeepAlive: c<(conn: VirConnect, seconds: number, count: number) => number>(
      "int virConnectSetKeepAlive(void *conn, int interval, unsigned int count)",
    ),
    virConnectGetType: c<(conn: VirConnect) => string | null>(
      "const char *virConnectGetType(void *conn)",
    ),
    virConnectGetURI: c<(conn: VirConnect) => string | null>(
      "char *! virConnectGetURI(void *conn)",
    ),
    virConnectGetHostname: c<(conn: VirConnect) => string | null>(
      "char *! virConnectGetHostname(void *conn)",
    ),
    virConnectGetVersion: c<(conn: VirConnect, version: Out<Wide>) => number>(
      "int virConnectGetVersion(void *conn, _Out_ unsigned long *hvVer)",
    ),
    virConnectGetLibVersion: c<(conn: VirConnect, version: Out<Wide>) => number>(
      "int virConnectGetLibVersion(void *conn, _Out_ unsigned long *libVer)",
    ),
    virConnectGetCapabilities: c<(conn: VirConnect) => string | null>(
      "char *! virConnectGetCapabilities(void *conn)",
    ),
    virConnectGetDomainCapabilities: c<
      (
        conn: VirConnect,
        emulator: string | null,
        arch: string | null,
        machine: string | null,
        virttype: string | null,
        flags: Flags,
      ) => string | null
    >(
      "char *! virConnectGetDomainCapabilities(void *conn, const char *emulatorbin, const char *arch, const char *machine, const char *virttype, unsigned int flags)",
    ),

    // libvirt-domain.h
    virConnectListAllDomains: c<ListAll<VirDomain>>(
      "int virConnectListAllDomains(void *conn, _Out_ void **domains, unsigned int flags)",
    ),
    virConnectDomainEventRegisterAny: c<
      (c: VirConnect, d: null, id: number, cb: Address, opaque: bigint, free: null) => number
    >(
      "int virConnectDomainEventRegisterAny(void *conn, void *dom, int eventID, void *cb, void *opaque, void *freecb)",
    ),
    virConnectDomainEventDeregisterAny: c<(conn: VirConnect, callback: number) => number>(
      "int virConnectDomainEventDeregisterAny(void *conn, int callbackID)",
    ),
    virDomainLookupByUUIDString: c<(conn: VirConnect, uuid: string) => VirDomain | null>(
      "void *virDomainLookupByUUIDString(void *conn, const char *uuidstr)",
    ),
    virDomainLookupByName: c<(conn: VirConnect, name: string) => VirDomain | null>(
      "void *virDomainLookupByName(void *conn, const char *name)",
    ),
    virDomainFree: c<OnDomain>("int virDomainFree(void *domain)"),
    virDomainGetUUIDString: c<OnDomain<[buf: Buffer]>>(
      "int virDomainGetUUIDString(void *domain, char *buf)",
    ),
    virDomainGetName: c<DomainText>("const char *virDomainGetName(void *domain)"),
    virDomainGetID: c<OnDomain>("unsigned int virDomainGetID(void *domain)"),
    virDomainGetInfo: c<OnDomain<[info: object]>>(
      "int virDomainGetInfo(void *domain, _Out_ virDomainInfo *info)",
    ),
    virDomainGetState: c<OnDomain<[state: Out<number>, reason: Out<number>, flags: Flags]>>(
      "int virDomainGetState(void *domain, _Out_ int *state, _Out_ int *reason, unsigned int flags)",
    ),
    virDomainIsActive: c<OnDomain>("int virDomainIsActive(void *dom)"),
    virDomainIsPersistent: c<OnDomain>("int virDomainIsPersistent(void *dom)"),
    virDomainGetAutostart: c<OnDomain<[autostart: Out<number>]>>(
      "int virDomainGetAutostart(void *domain, _Out_ int *autostart)",
    ),
    virDomainSetAutostart: c<OnDomain<[autostart: number]>>(
      "int virDomainSetAutostart(void *domain, int autostart)",
    ),
    virDomainHasManagedSaveImage: c<OnDomain<[flags: Flags]>>(
      "int virDomainHasManagedSaveImage(void *dom, unsigned int flags)",
    ),
    virDomainGetXMLDesc: c<DomainText<[flags: Flags]>>(
      "char *! virDomainGetXMLDesc(void *domain, unsigned int flags)",
    ),
    virDomainDefineXMLFlags: c<(conn: VirConnect, xml: string, flags: Flags) => VirDomain | null>(
      "void *virDomainDefineXMLFlags(void *conn, const char *xml, unsigned int flags)",
    ),
    virDomainCreateXML: c<(conn: VirConnect, xml: string, flags: Flags) => VirDomain | null>(
      "void *virDomainCreateXML(void *conn, const char *xmlDesc, unsigned int flags)",
    ),
    virDomainCreateWithFlags: c<OnDomain<[flags: Flags]>>(
      "int virDomainCreateWithFlags(void *domain, unsigned int flags)",
    ),
    virDomainDestroyFlags: c<OnDomain<[flags: Flags]>>(
      "int virDomainDestroyFlags(void *domain, unsigned int flags)",
    ),
    virDomainShutdownFlags: c<OnDomain<[flags: Flags]>>(
      "int virDomainShutdownFlags(void *domain, unsigned int flags)",
    ),
    virDomainReboot: c<OnDomain<[flags: Flags]>>(
      "int virDomainReboot(void *domain, unsigned int flags)",
    ),
    virDomainReset: c<OnDomain<[flags: Flags]>>(
      "int virDomainReset(void *domain, unsigned int flags)",
    ),
    virDomainSuspend: c<OnDomain>("int virDomainSuspend(void *domain)"),
    virDomainResume: c<OnDomain>("int virDomainResume(void *domain)"),
    virDomainUndefineFlags: c<OnDomain<[flags: Flags]>>(
      "int virDomainUndefineFlags(void *domain, unsigned int flags)",
    ),
    virDomainRename: c<OnDomain<[name: string, flags: Flags]>>(
      "int virDomainRename(void *dom, const char *new_name, unsigned int flags)",
    ),
    virDomainSetVcpusFlags: c<OnDomain<[vcpus: number, flags: Flags]>>(
      "int virDomainSetVcpusFlags(void *domain, unsigned int nvcpus, unsigned int flags)",
    ),
    virDomainSetMemoryFlags: c<OnDomain<[kibibytes: number, flags: Flags]>>(
      "int virDomainSetMemoryFlags(void *domain, unsigned long memory, unsigned int flags)",
    ),
    virDomainAttachDeviceFlags: c<OnDomain<[xml: string, flags: Flags]>>(
      "int virDomainAttachDeviceFlags(void *domain, const char *xml, unsigned int flags)",
    ),
    virDomainDetachDeviceFlags: c<OnDomain<[xml: string, flags: Flags]>>(
      "int virDomainDetachDeviceFlags(void *domain, const char *xml, unsigned int flags)",
    ),
    virDomainUpdateDeviceFlags: c<OnDomain<[xml: string, flags: Flags]>>(
      "int virDomainUpdateDeviceFlags(void *domain, const char *xml, unsigned int flags)",
    ),
    virDomainSaveFlags: c<OnDomain<[to: string, xml: string | null, flags: Flags]>>(
      "int virDomainSaveFlags(void *domain, const char *to, const char *dxml, unsigned int flags)",
    ),
    virDomainRestoreFlags: c<
      (conn: VirConnect, from: string, xml: string | null, flags: Flags) => number
    >(
      "int virDomainRestoreFlags(void *conn, const char *from, const char *dxml, unsigned int flags)",
    ),
    virDomainManagedSave: c<OnDomain<[flags: Flags]>>(
      "int virDomainManagedSave(void *dom, unsigned int flags)",
    ),
    virDomainManagedSaveRemove: c<OnDomain<[flags: Flags]>>(
      "int virDomainManagedSaveRemove(void *dom, unsigned int flags)",
    ),
    virDomainCoreDumpWithFormat: c<OnDomain<[to: string, format: number, flags: Flags]>>(
      "int virDomainCoreDumpWithFormat(void *domain, const char *to, unsigned int dumpformat, unsigned int flags)",
    ),
    virDomainAbortJob: c<OnDomain>("int virDomainAbortJob(void *dom)"),
    virDomainGetJobInfo: c<OnDomain<[info: object]>>(
      "int virDomainGetJobInfo(void *dom, _Out_ virDomainJobInfo *info)",
    ),
    virDomainGetControlInfo: c<OnDomain<[info: object, flags: Flags]>>(
      "int virDomainGetControlInfo(void *domain, _Out_ virDomainControlInfo *info, unsigned int flags)",
    ),
    virDomainGetJobStats: c<
      OnDomain<[type: Out<number>, params: Out<Address | null>, nparams: Out<number>, flags: Flags]>
    >(
      "int virDomainGetJobStats(void *domain, _Out_ int *type, _Out_ void **params, _Out_ int *nparams, unsigned int flags)",
    ),
    virTypedParamsFree: c<(params: Address, nparams: number) => void>(
      "void virTypedParamsFree(void *params, int nparams)",
    ),
    virDomainSetMetadata: c<
      OnDomain<[type: number, xml: string | null, key: string, uri: string, flags: Flags]>
    >(
      "int virDomainSetMetadata(void *domain, int type, const char *metadata, const char *key, const char *uri, unsigned int flags)",
    ),
    virDomainOpenConsole: c<OnDomain<[device: string | null, stream: VirStream, flags: Flags]>>(
      "int virDomainOpenConsole(void *dom, const char *dev_name, void *st, unsigned int flags)",
    ),

    // libvirt-stream.h
    virStreamNew: c<(conn: VirConnect, flags: Flags) => VirStream | null>(
      "void *virStreamNew(void *conn, unsigned int flags)",
    ),
    virStreamSend: c<(stream: VirStream, data: Uint8Array, length: number) => number>(
      "int virStreamSend(void *st, const void *data, size_t nbytes)",
    ),
    virStreamRecv: c<(stream: VirStream, data: Uint8Array, length: number) => number>(
      "int virStreamRecv(void *st, void *data, size_t nbytes)",
    ),
    virStreamEventAddCallback: c<
      (stream: VirStream, events: number, cb: Address, opaque: bigint, free: null) => number
    >("int virStreamEventAddCallback(void *stream, int events, void *cb, void *opaque, void *ff)"),
    virStreamEventRemoveCallback: c<(stream: VirStream) => number>(
      "int virStreamEventRemoveCallback(void *stream)",
    ),
    virStreamAbort: c<(stream: VirStream) => number>("int virStreamAbort(void *st)"),
    virStreamFree: c<(stream: VirStream) => number>("int virStreamFree(void *st)"),

    // libvirt-domain-snapshot.h
    virDomainSnapshotCreateXML: c<
      (dom: VirDomain, xml: string, flags: Flags) => VirDomainSnapshot | null
    >("void *virDomainSnapshotCreateXML(void *domain, const char *xmlDesc, unsigned int flags)"),
    virDomainListAllSnapshots: c<
      (dom: VirDomain, list: Out<Address | null>, flags: Flags) => number
    >("int virDomainListAllSnapshots(void *domain, _Out_ void **snaps, unsigned int flags)"),
    virDomainSnapshotLookupByName: c<
      (dom: VirDomain, name: string, flags: Flags) => VirDomainSnapshot | null
    >("void *virDomainSnapshotLookupByName(void *domain, const char *name, unsigned int flags)"),
    virDomainSnapshotGetName: c<(snapshot: VirDomainSnapshot) => string | null>(
      "const char *virDomainSnapshotGetName(void *snapshot)",
    ),
    virDomainSnapshotGetParent: c<
      (snapshot: VirDomainSnapshot, flags: Flags) => VirDomainSnapshot | null
    >("void *virDomainSnapshotGetParent(void *snapshot, unsigned int flags)"),
    virDomainSnapshotIsCurrent: c<(snapshot: VirDomainSnapshot, flags: Flags) => number>(
      "int virDomainSnapshotIsCurrent(void *snapshot, unsigned int flags)",
    ),
    virDomainSnapshotGetXMLDesc: c<(snapshot: VirDomainSnapshot, flags: Flags) => string | null>(
      "char *! virDomainSnapshotGetXMLDesc(void *snapshot, unsigned int flags)",
    ),
    virDomainRevertToSnapshot: c<(snapshot: VirDomainSnapshot, flags: Flags) => number>(
      "int virDomainRevertToSnapshot(void *snapshot, unsigned int flags)",
    ),
    virDomainSnapshotDelete: c<(snapshot: VirDomainSnapshot, flags: Flags) => number>(
      "int virDomainSnapshotDelete(void *snapshot, unsigned int flags)",
    ),
    virDomainSnapshotFree: c<(snapshot: VirDomainSnapshot) => number>(
      "int virDomainSnapshotFree(void *snapshot)",
    ),

    // libvirt-network.h
    virConnectListAllNetworks: c<ListAll<VirNetwork>>(
      "int virConnectListAllNetworks(void *conn, _Out_ void **nets, unsigned int flags)",
    ),
    virNetworkLookupByUUIDString: c<(conn: VirConnect, uuid: string) => VirNetwork | null>(
      "void *virNetworkLookupByUUIDString(void *conn, const char *uuidstr)",
    ),
    virNetworkDefineXML: c<(conn: VirConnect, xml: string) => VirNetwork | null>(
      "void *virNetworkDefineXML(void *conn, const char *xmlDesc)",
    ),
    virNetworkCreateXML: c<(conn: VirConnect, xml: string) => VirNetwork | null>(
      "void *virNetworkCreateXML(void *conn, const char *xmlDesc)",
    ),
    virNetworkCreate: c<(net: VirNetwork) => number>("int virNetworkCreate(void *network)"),
    virNetworkDestroy: c<(net: VirNetwork) => number>("int virNetworkDestroy(void *network)"),
    virNetworkUndefine: c<(net: VirNetwork) => number>("int virNetworkUndefine(void *network)"),
    virNetworkGetName: c<(net: VirNetwork) => string | null>(
      "const char *virNetworkGetName(void *network)",
    ),
    virNetworkGetUUIDString: c<(net: VirNetwork, buf: Buffer) => number>(
      "int virNetworkGetUUIDString(void *network, char *buf)",
    ),
    virNetworkGetBridgeName: c<(net: VirNetwork) => string | null>(
      "char *! virNetworkGetBridgeName(void *network)",
    ),
    virNetworkGetXMLDesc: c<(net: VirNetwork, flags: Flags) => string | null>(
      "char *! virNetworkGetXMLDesc(void *network, unsigned int flags)",
    ),
    virNetworkIsActive: c<(net: VirNetwork) => number>("int virNetworkIsActive(void *net)"),
    virNetworkIsPersistent: c<(net: VirNetwork) => number>("int virNetworkIsPersistent(void *net)"),
    virNetworkGetAutostart: c<(net: VirNetwork, autostart: Out<number>) => number>(
      "int virNetworkGetAutostart(void *network, _Out_ int *autostart)",
    ),
    virNetworkFree: c<(net: VirNetwork) => number>("int virNetworkFree(void *network)"),

    // libvirt-storage.h
    virConnectListAllStoragePools: c<ListAll<VirStoragePool>>(
      "int virConnectListAllStoragePools(void *conn, _Out_ void **pools, unsigned int flags)",
    ),
    virStoragePoolGetName: c<(pool: VirStoragePool) => string | null>(
      "const char *virStoragePoolGetName(void *pool)",
    ),
    virStoragePoolGetUUIDString: c<(pool: VirStoragePool, buf: Buffer) => number>(
      "int virStoragePoolGetUUIDString(void *pool, char *buf)",
    ),
    virStoragePoolGetInfo: c<(pool: VirStoragePool, info: object) => number>(
      "int virStoragePoolGetInfo(void *pool, _Out_ virStoragePoolInfo *info)",
    ),
    virStoragePoolFree: c<(pool: VirStoragePool) => number>("int virStoragePoolFree(void *pool)"),
    virStoragePoolLookupByUUIDString: c<(conn: VirConnect, uuid: string) => VirStoragePool | null>(
      "void *virStoragePoolLookupByUUIDString(void *conn, const char *uuidstr)",
    ),
    virStoragePoolGetXMLDesc: c<(pool: VirStoragePool, flags: Flags) => string | null>(
      "char *! virStoragePoolGetXMLDesc(void *pool, unsigned int flags)",
    ),
    virStoragePoolDefineXML: c<
      (conn: VirConnect, xml: string, flags: Flags) => VirStoragePool | null
    >("void *virStoragePoolDefineXML(void *conn, const char *xml, unsigned int flags)"),
    virStoragePoolCreate: c<(pool: VirStoragePool, flags: Flags) => number>(
      "int virStoragePoolCreate(void *pool, unsigned int flags)",
    ),
    virStoragePoolDestroy: c<(pool: VirStoragePool) => number>(
      "int virStoragePoolDestroy(void *pool)",
    ),
    virStoragePoolUndefine: c<(pool: VirStoragePool) => number>(
      "int virStoragePoolUndefine(void *pool)",
    ),
    virStoragePoolRefresh: c<(pool: VirStoragePool, flags: Flags) => number>(
      "int virStoragePoolRefresh(void *pool, unsigned int flags)",
    ),
    virStoragePoolListAllVolumes: c<
      (pool: VirStoragePool, list: Out<Address | null>, flags: Flags) => number
    >("int virStoragePoolListAllVolumes(void *pool, _Out_ void **vols, unsigned int flags)"),
    virStoragePoolLookupByVolume: c<(vol: VirStorageVol) => VirStoragePool | null>(
      "void *virStoragePoolLookupByVolume(void *vol)",
    ),
    virStorageVolLookupByPath: c<(conn: VirConnect, path: string) => VirStorageVol | null>(
      "void *virStorageVolLookupByPath(void *conn, const char *path)",
    ),
    virStorageVolGetName: c<(vol: VirStorageVol) => string | null>(
      "const char *virStorageVolGetName(void *vol)",
    ),
    virStorageVolGetPath: c<(vol: VirStorageVol) => string | null>(
      "char *! virStorageVolGetPath(void *vol)",
    ),
    virStorageVolGetXMLDesc: c<(vol: VirStorageVol, flags: Flags) => string | null>(
      "char *! virStorageVolGetXMLDesc(void *vol, unsigned int flags)",
    ),
    virStorageVolGetInfo: c<(vol: VirStorageVol, info: object) => number>(
      "int virStorageVolGetInfo(void *vol, _Out_ virStorageVolInfo *info)",
    ),
    virStorageVolCreateXML: c<
      (pool: VirStoragePool, xml: string, flags: Flags) => VirStorageVol | null
    >("void *virStorageVolCreateXML(void *pool, const char *xmlDesc, unsigned int flags)"),
    virStorageVolCreateXMLFrom: c<
      (pool: VirStoragePool, xml: string, from: VirStorageVol, flags: Flags) => VirStorageVol | null
    >(
      "void *virStorageVolCreateXMLFrom(void *pool, const char *xmlDesc, void *clonevol, unsigned int flags)",
    ),
    virStorageVolResize: c<(vol: VirStorageVol, capacity: number, flags: Flags) => number>(
      "int virStorageVolResize(void *vol, unsigned long long capacity, unsigned int flags)",
    ),
    virStorageVolWipe: c<(vol: VirStorageVol, flags: Flags) => number>(
      "int virStorageVolWipe(void *vol, unsigned int flags)",
    ),
    virStorageVolDelete: c<(vol: VirStorageVol, flags: Flags) => number>(
      "int virStorageVolDelete(void *vol, unsigned int flags)",
    ),
    virStorageVolFree: c<(vol: VirStorageVol) => number>("int virStorageVolFree(void *vol)"),

    // Since 6.0.
    virDomainBackupBegin: c<OnDomain<[backup: string, checkpoint: null, flags: Flags]>>(
      "int virDomainBackupBegin(void *domain, const char *backupXML, const char *checkpointXML, unsigned int flags)",
    ),
    virDomainBackupGetXMLDesc: c<DomainText<[flags: Flags]>>(
      "char *! virDomainBackupGetXMLDesc(void *domain, unsigned int flags)",
    ),

    /** A C function that takes no argument, returns an int and does nothing else. */
    harmless: library.symbol("virGetLastErrorCode") as Address, // koffi's symbols are untyped
  };
}

/** The C prototypes of libvirt-qemu.so.0. */
function bindLibvirtQemu(library: LibraryHandle) {
  const c = <F extends (...args: never[]) => unknown>(prototype: string): F =>
    library.func(prototype) as unknown as F; // koffi's functions are untyped; F is the C prototype beside it
  return {
    virDomainQemuMonitorCommand: c<
      OnDomain<[cmd: string, result: Out<string | null>, flags: Flags]>
    >(
      "int virDomainQemuMonitorCommand(void *domain, const char *cmd, _Out_ char *!*result, unsigned int flags)",
    ),
    virDomainQemuAgentCommand: c<DomainText<[cmd: string, timeout: number, flags: Flags]>>(
      "char *! virDomainQemuAgentCommand(void *domain, const char *cmd, int timeout, unsigned int flags)",
    ),
  };
}

export type Libvirt = ReturnType<typeof bindLibvirt>;
type LibvirtQemu = ReturnType<typeof bindLibvirtQemu>;

function defineStructs(): void {
  koffi.struct("virDomainInfo", {
    state: "unsigned char",
    maxMem: "unsigned long",
    memory: "unsigned long",
    nrVirtCpu: "unsigned short",
    cpuTime: "unsigned long long",
  });
  koffi.struct("virStoragePoolInfo", {
    state: "int",
    capacity: "unsigned long long",
    allocation: "unsigned long long",
    available: "unsigned long long",
  });
  koffi.struct("virStorageVolInfo", {
    type: "int",
    capacity: "unsigned long long",
    allocation: "unsigned long long",
  });
  koffi.struct("virDomainJobInfo", {
    type: "int",
    timeElapsed: "unsigned long long",
    timeRemaining: "unsigned long long",
    dataTotal: "unsigned long long",
    dataProcessed: "unsigned long long",
    dataRemaining: "unsigned long long",
    memTotal: "unsigned long long",
    memProcessed: "unsigned long long",
    memRemaining: "unsigned long long",
    fileTotal: "unsigned long long",
    fileProcessed: "unsigned long long",
    fileRemaining: "unsigned long long",
  });
  koffi.struct("virDomainControlInfo", {
    state: "unsigned int",
    details: "unsigned int",
    stateTime: "unsigned long long",
  });
  koffi.struct("virTypedParameter", {
    field: koffi.array("char", 80), // VIR_TYPED_PARAM_FIELD_LENGTH
    type: "int",
    value: "unsigned long long",
  });
  koffi.struct("virError", {
    code: "int",
    domain: "int",
    message: "const char *",
    level: "int",
    conn: "void *",
    dom: "void *",
    str1: "const char *",
    str2: "const char *",
    str3: "const char *",
    int1: "int",
    int2: "int",
    net: "void *",
  });
}

function open(name: string): LibraryHandle {
  try {
    return koffi.load(name);
  } catch (cause) {
    throw new CasemateError(
      "libvirt/missing",
      `Cannot load ${name}: ${cause instanceof Error ? cause.message : String(cause)}, expected libvirt's library on this machine.`,
      { cause },
    );
  }
}

let bound: Libvirt | undefined;
let boundQemu: LibvirtQemu | undefined;

/** libvirt.so.0, loaded at the first call in this thread; throws `libvirt/missing` where there is none. */
export function libvirt(): Libvirt {
  if (bound === undefined) {
    const library = open("libvirt.so.0");
    defineStructs();
    bound = bindLibvirt(library);
  }
  return bound;
}

/** libvirt-qemu.so.0, loaded at the first call in this thread; throws `libvirt/missing` where there is none. */
export function libvirtQemu(): LibvirtQemu {
  boundQemu ??= bindLibvirtQemu(open("libvirt-qemu.so.0"));
  return boundQemu;
}

/** The `count` pointers of a C array that libvirt allocated; frees the array, not what it points to. */
export function takePointers<T extends bigint>(array: Address | null, count: number): T[] {
  if (array === null) return [];
  try {
    return koffi.decode(array, "void *", count) as T[]; // the caller knows what the array holds
  } finally {
    koffi.free(array);
  }
}

/** virTypedParameterType. */
const typedParameter = { boolean: 6, string: 7 } as const;

/**
 * libvirt's named parameters, by name: text, truth, or an integer of up to 64 bits (a double stays its
 * bits: nobody asks for one). libvirt's memory is given back.
 */
export function takeTypedParameters(
  params: Address | null,
  count: number,
): Map<string, string | boolean | bigint> {
  const taken = new Map<string, string | boolean | bigint>();
  if (params === null) return taken;
  try {
    const list = koffi.decode(params, "virTypedParameter", count) as VirTypedParameter[]; // as declared above
    for (const { field, type, value } of list) {
      const bits = BigInt(value);
      if (type === typedParameter.string) taken.set(field, koffi.decode(bits, "char", -1));
      else taken.set(field, type === typedParameter.boolean ? (bits & 0xffn) !== 0n : bits);
    }
    return taken;
  } finally {
    libvirt().virTypedParamsFree(params, count);
  }
}

/** The error that libvirt noted for this thread, if any. */
export function lastVirError(): VirError | undefined {
  const address = libvirt().virGetLastError();
  return address === null ? undefined : (koffi.decode(address, "virError") as VirError); // as virError above
}
