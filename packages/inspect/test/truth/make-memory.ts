/**
 * A program for the guest's perl (perl-base is enough): maps memory and opens files of every kind it can,
 * then writes its pid to /run/casemate-memory and sleeps.
 *
 * Its memory at the address in /run/casemate-memory.texts is of known texts, and the 64 KiB at the one in
 * /run/casemate-memory.swapped are swapped out as far as the guest has swap.
 */
const HOLD = String.raw`
use strict; use warnings; use Fcntl; use Socket;
my @keep; # open as long as this runs
my ($R, $W, $X) = (1, 2, 4); my ($SHARED, $PRIVATE, $ANONYMOUS, $NORESERVE) = (1, 2, 0x20, 0x4000);
sub map_memory { my ($length, $protection, $flags, $fd, $offset) = @_;
  my $at = syscall(9, 0, $length, $protection, $flags, $fd // -1, $offset // 0);
  return $at == -1 ? undef : $at }
sub protect { syscall(10, $_[0], $_[1], $_[2]) }
sub fill { my ($at, $bytes) = @_; # read(2) into the mapping
  pipe(my $r, my $w); my $done = 0;
  while ($done < length $bytes) { my $n = syscall(1, fileno $w, my $part = substr($bytes, $done, 4096), length substr($bytes, $done, 4096));
    syscall(0, fileno $r, $at + $done, $n); $done += $n } }
sub keep { my ($fd) = @_; return if $fd < 0; my $handle; open $handle, "+<&=", $fd or open $handle, "<&=", $fd; push @keep, $handle; return $fd }
sub note { my ($name, $text) = @_; open my $f, ">", "/run/casemate-memory.$name.new"; print $f $text; close $f;
  rename "/run/casemate-memory.$name.new", "/run/casemate-memory.$name" }

# Mappings: code in anonymous memory, named memory, shared memory of every origin, a terabyte of nothing,
# so many that a tree of them is deep.
my $texts = map_memory(65536, $R | $W | $X, $PRIVATE | $ANONYMOUS);
fill($texts, join("\0", map { "casemate text number $_" } 1 .. 500) . "\0" x 700 . "\x01" . "A" x 5 . "\x02" . "tab\there!" . "\x80");
note("texts", $texts);
my $named = map_memory(8192, $R | $W, $PRIVATE | $ANONYMOUS);
syscall(157, 0x53564d41, 0, $named, 8192, my $label = "my own name\0");
my $memfd = keep(syscall(319, my $memname = "casemate fd\0", 0)); syscall(77, $memfd, 16384);
map_memory(16384, $R | $X, $PRIVATE, $memfd);
my $named_shared = map_memory(8192, $R | $W, $SHARED | $ANONYMOUS);
syscall(157, 0x53564d41, 0, $named_shared, 8192, my $other = "shared name\0");
map_memory(12288, $R | $W, $SHARED | $ANONYMOUS);
my $segment = syscall(29, 0, 20000, 01600); syscall(30, $segment, 0, 0); syscall(31, $segment, 0, 0);
map_memory(2 ** 40, 0, $PRIVATE | $ANONYMOUS | $NORESERVE);
mkdir "/run/casemate dir"; my $odd = "/run/casemate dir/new\nline\\and (deleted)";
open my $file, "+>", $odd; print $file "x" x 20000; $file->flush if $file->can("flush"); push @keep, $file;
map_memory(20000, $R, $SHARED, fileno $file, 4096);
open my $gone, "+>", "/var/tmp/casemate-gone"; syswrite $gone, "y" x 9000; push @keep, $gone; unlink "/var/tmp/casemate-gone";
map_memory(8192, $R | $W, $PRIVATE, fileno $gone);
my $many = map_memory(4096 * 2000, $R | $W, $PRIVATE | $ANONYMOUS);
protect($many + 8192 * $_, 4096, $R) for 0 .. 999;
my $swapped = map_memory(65536, $R | $W, $PRIVATE | $ANONYMOUS);
fill($swapped, "swapped out!" x 5461); syscall(28, $swapped, 65536, 21); # MADV_PAGEOUT
note("swapped", $swapped);

# Descriptors: pipes, sockets, what has no name but its kind, namespaces, devices, positions, flags.
pipe(my $r, my $w); push @keep, $r, $w;
socket(my $tcp, AF_INET, SOCK_STREAM, 0); push @keep, $tcp;
socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, 0); push @keep, $one, $two;
keep(syscall(290, 0, 0)); keep(syscall(291, 0)); keep(syscall(283, 1, 0)); keep(syscall(294, 0));
keep(syscall(289, -1, my $mask = "\0" x 8, 8, 0)); keep(syscall(434, $$, 0)); keep(syscall(323, 1)); keep(syscall(447, 0));
for my $path ("/proc/self/ns/net", "/proc/self/ns/mnt", "/dev/null", "/dev/vda", "/proc/self/maps", "/sys/kernel/notes", "/etc/passwd") {
  open my $handle, "<", $path or next; push @keep, $handle; sysseek $handle, 100, 0 }
opendir my $directory, "/etc"; readdir $directory for 1 .. 5; push @keep, $directory;
sysopen my $appending, "/var/tmp/casemate-log", O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK; syswrite $appending, "12345"; push @keep, $appending;
fcntl $appending, F_SETFD, 0;
sysopen my $high, "/etc/hostname", O_RDONLY | 0200000; push @keep, $high; syscall(33, fileno $high, 1000);
system "mkfifo /run/casemate-fifo 2>/dev/null"; sysopen my $fifo, "/run/casemate-fifo", O_RDWR; push @keep, $fifo;
# A file of a mount that is no longer anywhere, one below a directory mounted twice, one on top of another.
system "mkdir -p /run/casemate-lost /run/casemate-twice; mount -t tmpfs lost /run/casemate-lost; mkdir /run/casemate-lost/in; touch /run/casemate-lost/in/there; mount --bind /etc /run/casemate-twice";
open my $lost, "<", "/run/casemate-lost/in/there"; push @keep, $lost; system "umount -l /run/casemate-lost";
open my $twice, "<", "/run/casemate-twice/passwd"; push @keep, $twice; map_memory(4096, $R, $PRIVATE, fileno $twice);
note("environment", join "\0", map { "$_=$ENV{$_}" } sort keys %ENV);
if (fork == 0) { chroot "/usr"; chdir "/"; open my $inside, "<", "/bin/perl"; push @keep, $inside; $0 = "a title that is longer than the arguments were" x 3; sleep 1000000 while 1 }
select undef, undef, undef, 0.5;
note("pid", "$$\n");
sleep 1000000 while 1;
`;

export const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Starts it once, with swap and a program on overlayfs where the guest's kernel can, and waits until it is
 * there.
 */
export const makeMemory = `
[ -e /run/casemate-memory.pid ] || {
  dd if=/dev/zero of=/var/tmp/casemate-swap bs=1M count=8 && chmod 600 /var/tmp/casemate-swap
  mkswap /var/tmp/casemate-swap && swapon /var/tmp/casemate-swap
  mkdir -p /run/casemate-layers; cd /run/casemate-layers; mkdir below above; cp /bin/sleep below; cd /
  modprobe overlay; mount -t tmpfs layers /run/casemate-layers/above && mkdir /run/casemate-layers/above/upper /run/casemate-layers/above/work /run/casemate-layers/above/merged &&
    mount -t overlay layers -o lowerdir=/run/casemate-layers/below,upperdir=/run/casemate-layers/above/upper,workdir=/run/casemate-layers/above/work /run/casemate-layers/above/merged &&
    (setsid /run/casemate-layers/above/merged/sleep 1000000 >/dev/null 2>&1 </dev/null &)
  (CASEMATE_SECRET='a b=c' EMPTY= setsid perl -e ${quote(HOLD)} first "" "third one" >/run/casemate-memory.log 2>&1 </dev/null &)
  i=0; while [ ! -e /run/casemate-memory.pid ] && [ $i -lt 150 ]; do sleep 0.2; i=$((i + 1)); done
} >/run/casemate-memory.prepare 2>&1
cat /run/casemate-memory.log; test -e /run/casemate-memory.pid`;
