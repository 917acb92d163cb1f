/** A definition as libvirt 9.0 writes it of a VM that runs: EFI, TPM, two disks, a drive, a NIC, consoles. */
export const web01 = `
<domain type='kvm' id='7'>
  <name>web01</name>
  <uuid>6f5e3bd2-5c3f-4b0c-9a71-30b1a3a1a001</uuid>
  <genid>2a0a5f5e-0000-4000-8000-000000000001</genid>
  <metadata>
    <casemate:vm xmlns:casemate="urn:casemate:vm:1">
      <casemate:label>prod</casemate:label><casemate:label>dmz</casemate:label>
    </casemate:vm>
    <vm xmlns="urn:somebody:else"><label>theirs</label></vm>
  </metadata>
  <memory unit='KiB'>2097152</memory>
  <currentMemory unit='KiB'>1048576</currentMemory>
  <vcpu placement='static' current='2'>4</vcpu>
  <sysinfo type='smbios'>
    <system>
      <entry name='uuid'>6f5e3bd2-5c3f-4b0c-9a71-30b1a3a1a001</entry>
      <entry name='serial'>SN-1</entry>
      <entry name='family'>web</entry>
    </system>
  </sysinfo>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/web01_VARS.fd</nvram>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/images/web01.qcow2' index='2'/>
      <backingStore type='file' index='3'>
        <format type='qcow2'/>
        <source file='/images/base.qcow2'/>
        <backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
      <serial>DISK-1</serial>
      <alias name='virtio-disk0'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <interface type='network'>
      <mac address='52:54:00:AA:BB:01'/>
      <source network='default' portid='c0ffee' bridge='virbr0'/>
      <target dev='vnet3'/>
      <model type='virtio'/>
      <filterref filter='clean-traffic'/>
      <alias name='net0'/>
    </interface>
    <serial type='pty'>
      <source path='/dev/pts/4'/>
      <target type='isa-serial' port='0'/>
      <alias name='serial0'/>
    </serial>
    <console type='pty' tty='/dev/pts/4'>
      <source path='/dev/pts/4'/>
      <target type='serial' port='0'/>
      <alias name='serial0'/>
    </console>
    <channel type='unix'>
      <source mode='bind' path='/run/libvirt/qemu/channel/7-web01/agent'/>
      <target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>
    </channel>
    <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
    <graphics type='vnc' port='5903' autoport='yes' listen='127.0.0.1'/>
  </devices>
  <seclabel type='dynamic' model='dac' relabel='yes'><label>+64055:+109</label></seclabel>
</domain>`;
